"""The Celery application. It only rings the bell: the queues are tables, and sweepers finish what the broker forgot."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "meterai.settings.development")

app = Celery("meterai")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
