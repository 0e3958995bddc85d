"""For script/server on one machine: demo stock, sandbox gateway, development certificate. Never for real stamps."""

from . import env
from .base import *  # noqa: F403

IS_DEMO = True
DEMO_PASSWORD = env.text("DEMO_PASSWORD", default="meterai-demo-2026")
# Hashed names, but nothing compressed: that takes longer than all the rest of a first start.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}  # noqa: F405

env.complain()
