"""Every setting, read from the environment. development, testing and production only tighten or loosen it."""

from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from . import authority, env, gateways, rooms
from .storage import storages

BASE_DIR = Path(__file__).resolve().parent.parent.parent

SECRET_KEY = env.text("SECRET_KEY")
DEBUG = False
SITE_URL = env.text("SITE_URL").rstrip("/")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS") or [urlsplit(SITE_URL).hostname or ""]
CSRF_TRUSTED_ORIGINS = [SITE_URL]
# How many proxies of ours stand in front: the client's address is read that many hops from the right.
TRUSTED_PROXY_HOPS = env.number("TRUSTED_PROXY_HOPS", default=0)

INSTALLED_APPS = [
    "support",
    "stamping",
    "orders",
    "meterai",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "csp",
]

MIDDLEWARE = [
    "support.middleware.CountOutcomes",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "meterai.middleware.PrivateByDefault",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "meterai.middleware.LanguageFromAddress",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "meterai.middleware.PlainRefusals",
]

ROOT_URLCONF = "meterai.urls"
WSGI_APPLICATION = "meterai.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "meterai.context.site",
            ],
        },
    }
]

# --- state: PostgreSQL, Valkey, object storage -----------------------------------------------------------------

DATABASES = {"default": env.database("DATABASE_URL")}
if DATABASES["default"]:
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    DATABASES["default"]["ATOMIC_REQUESTS"] = False
    # A pool a process: a connection for each request cost eight times the throughput.
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
        "min_size": 1,
        "max_size": env.number("DATABASE_POOL", default=10),
        "timeout": 10,
    }
    # A statement that takes this long in a web request is a fault; it must not hold locks while people wait.
    DATABASES["default"]["OPTIONS"]["options"] = "-c statement_timeout=30s -c idle_in_transaction_session_timeout=60s"

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "meterai.User"

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": env.text("CACHE_URL"),
        "KEY_PREFIX": "meterai",
        "TIMEOUT": 300,
    }
}
STORAGES = storages(env.text("STORAGE_URL"))

CELERY_BROKER_URL = env.text("BROKER_URL")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 2000
CELERY_TASK_SOFT_TIME_LIMIT = 50
CELERY_TASK_TIME_LIMIT = 60
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# A killed worker's messages come back after 90 s (longer than the hard time limit); the sweepers are what guarantees.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 90, "socket_timeout": 5, "socket_connect_timeout": 5}
CELERY_TASK_DEFAULT_QUEUE = "housekeeping"
CELERY_TASK_ROUTES = {
    "stamping.tasks.check_bundles": {"queue": "imports"},
    "stamping.tasks.*": {"queue": "seal"},
    "orders.tasks.send_notices": {"queue": "outbox"},
    "orders.tasks.warn_low_stock": {"queue": "outbox"},
    # Minutes for a large delivery: in a queue of its own, so that nothing waits behind it.
    "meterai.tasks.import_due": {"queue": "imports"},
    "orders.tasks.release_expired": {"queue": "housekeeping"},
    "orders.tasks.erase_accounts": {"queue": "housekeeping"},
    "orders.tasks.reconcile_open": {"queue": "housekeeping"},
    # Not behind the rings of every order and notification: these buyers' news was lost, and nobody rings for them.
    "orders.tasks.poll_payments": {"queue": "housekeeping"},
    "orders.tasks.*": {"queue": "payments"},
    "support.tasks.*": {"queue": "support"},
}
CELERY_BEAT_SCHEDULE = {
    "import deliveries": {"task": "meterai.tasks.import_due", "schedule": 5},
    "close the chain over the book of stock": {"task": "meterai.tasks.close_blocks", "schedule": 10},
    "watch the stock": {"task": "meterai.tasks.watch_stock", "schedule": 60},
    "tell of stock that runs low": {"task": "orders.tasks.warn_low_stock", "schedule": 60},
    "release expired reservations": {"task": "orders.tasks.release_expired", "schedule": 5},
    "start waiting payments": {"task": "orders.tasks.start_payments", "schedule": 3},
    "process notifications": {"task": "orders.tasks.process_notifications", "schedule": 3},
    "ask about pending payments": {"task": "orders.tasks.poll_payments", "schedule": 15},
    "match transfers": {"task": "orders.tasks.match_transfers", "schedule": 15},
    "send refunds": {"task": "orders.tasks.send_refunds", "schedule": 15},
    "number receipts": {"task": "orders.tasks.number_receipts", "schedule": 3},
    "finish transfers": {"task": "orders.tasks.finish_transfers", "schedule": 60},
    "erase bank accounts": {"task": "orders.tasks.erase_accounts", "schedule": 3600},
    "close differences that turned out right": {"task": "orders.tasks.reconcile_open", "schedule": 60},
    "send notices": {"task": "orders.tasks.send_notices", "schedule": 3},
    "bind and seal": {"task": "stamping.tasks.seal_due", "schedule": 2},
    "check bundles": {"task": "stamping.tasks.check_bundles", "schedule": 3},
    "erase old documents": {"task": "stamping.tasks.erase_old", "schedule": 3600},
    "escalate silent tickets": {"task": "support.tasks.escalate_silent", "schedule": 60},
    "open tickets for failed documents": {"task": "support.tasks.open_failed", "schedule": 10},
}

# --- language, time --------------------------------------------------------------------------------------------

LANGUAGE_CODE = "id"
LANGUAGES = [("id", _("Bahasa Indonesia")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Jakarta"
USE_THOUSAND_SEPARATOR = True
FORMAT_MODULE_PATH = "meterai.formats"

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT", default=str(BASE_DIR / "static_root")))
# Files that stand while Django and PostgreSQL are down: status pages, waiting rooms. A web server gives them out.
PUBLIC_ROOT = Path(env.text("PUBLIC_ROOT", default=str(BASE_DIR / "public_root")))

# --- the shop --------------------------------------------------------------------------------------------------

DUTY = 10_000  # rupiah a stamp, Law 10/2020 article 5
SERVICE_FEE = env.number("SERVICE_FEE", default=0)
# Who sells, as the receipt says it.
SELLER_NAME = env.text("SELLER_NAME", default="Meterai")
SELLER_TAX_NUMBER = env.text("SELLER_TAX_NUMBER", default="")
MAX_STAMPS_PER_ORDER = env.number("MAX_STAMPS_PER_ORDER", default=50)
# How many stamps one person (one contact) may buy within PERSON_LIMIT_DAYS; 0: as many as wanted.
MAX_STAMPS_PER_PERSON = env.number("MAX_STAMPS_PER_PERSON", default=0)
PERSON_LIMIT_DAYS = env.number("PERSON_LIMIT_DAYS", default=1)
# For so many days after paying, an unused stamp can be given back for its full price.
REFUND_DAYS = env.number("REFUND_DAYS", default=14)
# Within so many days a refund by bank transfer is sent, once the buyer's account is known: the pages promise it.
PAYOUT_DAYS = env.number("PAYOUT_DAYS", default=3)
# So many days after a refund is over its bank account is erased.
REFUND_ACCOUNT_DAYS = env.number("REFUND_ACCOUNT_DAYS", default=30)
RESERVATION_MINUTES = env.number("RESERVATION_MINUTES", default=30)
GATEWAYS = env.words("GATEWAYS", default="sandbox")
GATEWAY_SETTINGS = gateways.read(GATEWAYS)
ROOMS = rooms.read()

MAX_DOCUMENT_BYTES = env.number("MAX_DOCUMENT_BYTES", default=800 * 1000)
# Up to here a document without signatures may be uploaded, and made smaller before it takes a stamp.
MAX_UPLOAD_BYTES = env.number("MAX_UPLOAD_BYTES", default=10_000_000)
# The versions of PDF that the issuer and the portals take; a document of another is offered a repair.
PDF_OLDEST_VERSION = env.text("PDF_OLDEST_VERSION", default="1.6")
PDF_NEWEST_VERSION = env.text("PDF_NEWEST_VERSION", default="2.0")
MAX_VERIFY_BYTES = env.number("MAX_VERIFY_BYTES", default=10_000_000)
# A worker holds a document this long; longer than a task may run (CELERY_TASK_TIME_LIMIT).
SEAL_LEASE_SECONDS = env.number("SEAL_LEASE_SECONDS", default=90)
# So long after it was accepted a document is given up that the authority leaves without an answer.
SEAL_PATIENCE_HOURS = env.number("SEAL_PATIENCE_HOURS", default=24)
DOCUMENT_DAYS = env.number("DOCUMENT_DAYS", default=365)
ALLOW_DEVELOPMENT_AUTHORITY = True
# The folder with signer.p12, its passphrase and root.pem.
AUTHORITY_DIR = Path(env.text("AUTHORITY_DIR"))
# Certificates (PEM, several allowed) that verification trusts; the authority folder's root by default.
TRUST_ROOTS = Path(env.text("TRUST_ROOTS", default=str(AUTHORITY_DIR / "root.pem")))
# Which engine seals, at which level of proof, and where time-stamps and revocation lists come from.
AUTHORITY = authority.read()
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
FILE_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
# One limit for every body; the pages say MAX_DOCUMENT_BYTES, this only stops abuse before a form is read.
MAX_REQUEST_BYTES = env.number("MAX_REQUEST_BYTES", default=12_000_000)

# How mail goes out: smtp+tls://user:password@host:587, smtp+ssl://…:465, or consolemail:// to see it on the terminal.
_mail = env.mail("EMAIL_URL", default="consolemail://")
EMAIL_BACKEND: str = _mail["EMAIL_BACKEND"]
EMAIL_HOST: str = _mail["EMAIL_HOST"] or ""
EMAIL_PORT: int = _mail["EMAIL_PORT"] or 587
EMAIL_HOST_USER: str = _mail["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD: str = _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS = bool(_mail.get("EMAIL_USE_TLS"))
EMAIL_USE_SSL = bool(_mail.get("EMAIL_USE_SSL"))
EMAIL_FILE_PATH = f"/{_mail['EMAIL_FILE_PATH']}" if _mail["EMAIL_FILE_PATH"] else None
EMAIL_TIMEOUT = 20  # seconds
# A mail provider's API in place of SMTP: the name of one of django-anymail's backends, such as "postmark" or "brevo".
EMAIL_PROVIDER = env.text("EMAIL_PROVIDER", default="")
if EMAIL_PROVIDER:
    EMAIL_BACKEND = f"anymail.backends.{EMAIL_PROVIDER}.EmailBackend"
    ANYMAIL = {f"{EMAIL_PROVIDER.upper()}_API_KEY": env.text("EMAIL_PROVIDER_KEY"), "REQUESTS_TIMEOUT": EMAIL_TIMEOUT}
# By what a notice may travel, the first that has an address of the buyer.
NOTICE_CHANNELS = {"email": {"BACKEND": "orders.channels.email.EmailChannel"}}
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", default="Meterai <tidak-dibalas@meterai.example>")
# Who at the issuer hears of stock that runs low.
STAFF_EMAIL = env.text("STAFF_EMAIL", default="")
# Below so many serials in the official shop staff are told; 0: never.
LOW_STOCK_THRESHOLD = env.number("LOW_STOCK_THRESHOLD", default=0)
# What a collector of metrics must send as its bearer token; empty: there is no /metrics.
# Functions of upper apps that add to /metrics: given the time, each returns gauges.
METRIC_SOURCES = ["orders.metrics.gauges"]
METRICS_TOKEN = env.text("METRICS_TOKEN", default="")
# The status page calls a service normal only when so many of a hundred tries went well.
STATUS_NORMAL_PERCENT = env.number("STATUS_NORMAL_PERCENT", default=98)
# Within so many seconds of its turn being accepted a document should be sealed; later counts as slow.
STATUS_SEAL_SECONDS = env.number("STATUS_SEAL_SECONDS", default=120)
SUPPORT_HOURS = env.text("SUPPORT_HOURS", default="Senin–Jumat 08.00–17.00 WIB")

# --- security --------------------------------------------------------------------------------------------------

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# Only staff have sessions, and those must end when they log out: a row, not a signed cookie that lives on.
SESSION_ENGINE = "django.contrib.sessions.backends.db"
# A buyer's messages travel in a cookie, so that no public page needs a session.
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "meterai.refusals.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
# `same-origin`, since the secret link is part of the address and must not travel to the gateway.
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Gateways with a page of their own that the buyer is led to.
_gateway_origins = [options["url"] for options in GATEWAY_SETTINGS.values() if options.get("url")]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        # A form whose answer redirects to the gateway is blocked without the gateway's origin here.
        "form-action": [SELF, *_gateway_origins],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

RATELIMIT_IP_META_KEY = "meterai.client.address"
# Django's own Redis cache counts atomically; the check knows only a list of older packages.
SILENCED_SYSTEM_CHECKS = ["django_ratelimit.E003", "django_ratelimit.W001"]
RATELIMIT_FAIL_OPEN = True  # without Valkey people may still buy; the database's constraints hold

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "meterai.problems.handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Meterai API",
    "DESCRIPTION": "Buy stamps, affix them to PDFs, verify, complain: the same steps as the pages.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "ENUM_NAME_OVERRIDES": {},
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"hide": {"()": "meterai.logs.HideSecrets"}},
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "filters": ["hide"], "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "pikepdf": {"level": "WARNING"},
        "pyhanko": {"level": "ERROR"},
        "pyhanko_certvalidator": {"level": "ERROR"},
        "fontTools": {"level": "ERROR"},
    },
}
