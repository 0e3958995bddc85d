"""For real stamps: refuses to start with anything that belongs to development."""

from . import env
from .base import *  # noqa: F403
from .base import EMAIL_BACKEND, GATEWAY_SETTINGS, GATEWAYS, SECRET_KEY, SITE_URL

IS_DEMO = False
DEMO_PASSWORD = ""
# The stamping app looks at the certificates themselves when it starts.
ALLOW_DEVELOPMENT_AUTHORITY = False

if len(SECRET_KEY) < 50 or SECRET_KEY.startswith("development-"):
    env.refuse("SECRET_KEY must be at least 50 random characters and not the one of development")
if "sandbox" in GATEWAYS:
    env.refuse("GATEWAYS must not name the sandbox, which takes no money (GATEWAYS=none closes the shop)")
for _name, _options in GATEWAY_SETTINGS.items():
    if _options.get("environment", "production") != "production":
        env.refuse(f"{_name.upper()}_ENVIRONMENT must be production: anything else takes no money")
if "console" in EMAIL_BACKEND:
    env.refuse("EMAIL_URL must name a mail server; links and receipts would reach nobody")
if not SITE_URL.startswith("https://"):
    env.refuse("SITE_URL must be an https:// address")

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", default=True)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

env.complain()
