"""For the tests: the same code on real services, with mail kept in memory and fast password hashes."""

from . import env
from .base import *  # noqa: F403

IS_DEMO = False
DEMO_PASSWORD = env.text("DEMO_PASSWORD", default="meterai-demo-2026")
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
# The processes that a test starts serve static files from the sources; nothing is collected first.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True

env.complain()
