"""Every setting of Seathold. All that differs between installations comes from the environment.

The README has the table of variables. Settings whose relations carry a promise are checked at
start (bookings/checks.py, common/checks.py): a server with settings that break one won't start.
"""

from datetime import timedelta
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY", "")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# --- Which services this process serves: their URLs, their tasks, their queue ----------------
SERVICES = env.list("SERVICES", default=["flights", "bookings", "payments"])
# Secrets that services show each other: all are accepted, the first is sent.
SERVICE_SECRETS = env.list("SERVICE_SECRETS", default=[])
FLIGHTS_URL = env.str("FLIGHTS_URL", "http://127.0.0.1:8001")
PAYMENTS_URL = env.str("PAYMENTS_URL", "http://127.0.0.1:8002")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "knox",
    "django_celery_beat",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "common",
    "accounts",
    "flights",
    "bookings",
    "payments",
    "stack",
]

MIDDLEWARE = [
    "common.request_id.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "common.middleware.SlashMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "booking_project.urls"
WSGI_APPLICATION = "booking_project.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database ---------------------------------------------------------------------------------
# Transactions are opened where they are needed: ATOMIC_REQUESTS would hold locks across the calls
# that services make to each other.
DATABASES = {"default": env.db("DATABASE_URL")} if "DATABASE_URL" in env.ENVIRON else {}
if DATABASES:
    DATABASES["default"] |= {
        "CONN_MAX_AGE": env.int("CONN_MAX_AGE", 600),
        "CONN_HEALTH_CHECKS": True,
        # PgBouncer in transaction mode knows no cursors that outlive a statement.
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {"connect_timeout": 3},
    }
if DATABASES and "REPLICA_DATABASE_URL" in env.ENVIRON:  # searches read it; holds never do
    DATABASES["replica"] = (
        DATABASES["default"] | env.db("REPLICA_DATABASE_URL") | {"TEST": {"MIRROR": "default"}}
    )
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Set on the database role after migrate (session options don't survive PgBouncer).
LOCK_TIMEOUT_SECONDS = env.float("LOCK_TIMEOUT_SECONDS", 3.0)
STATEMENT_TIMEOUT_SECONDS = env.float("STATEMENT_TIMEOUT_SECONDS", 15.0)

# --- People -----------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
REST_KNOX = {"TOKEN_TTL": timedelta(hours=env.int("TOKEN_HOURS", 240)), "AUTO_REFRESH": False}
LOGIN_URL = "/admin/login/"

# --- Holds and payments: how long things may take, in seconds ----------------------------------
PAYMENT_WINDOW_SECONDS = env.int("PAYMENT_WINDOW_SECONDS", 300)
# Pauses of the beat: whole seconds, as django-celery-beat keeps them.
EXPIRY_SWEEP_SECONDS = env.int("EXPIRY_SWEEP_SECONDS", 5)
RECONCILE_SECONDS = env.int("RECONCILE_SECONDS", 10)
OUTBOX_SECONDS = env.int("OUTBOX_SECONDS", 5)
AUDIT_SECONDS = env.int("AUDIT_SECONDS", 86400)
# One call to another service: connecting, and waiting for its answer.
SERVICE_CONNECT_TIMEOUT = env.float("SERVICE_CONNECT_TIMEOUT", 1.0)
FLIGHTS_READ_TIMEOUT = env.float("FLIGHTS_READ_TIMEOUT", 5.0)
PAYMENTS_READ_TIMEOUT = env.float("PAYMENTS_READ_TIMEOUT", 5.0)
PAYMENTS_TOK_TIMEOUT_SECONDS = env.float("PAYMENTS_TOK_TIMEOUT_SECONDS", PAYMENTS_READ_TIMEOUT + 2)
# An attempt to pay that is older than this has nobody working on it: the reconciler takes it.
PAY_LEASE_SECONDS = env.float("PAY_LEASE_SECONDS", 40.0)
# A hold outlives its booking's deadline by this much, so that a payment begun in time keeps it.
HOLD_GRACE_SECONDS = env.float("HOLD_GRACE_SECONDS", 120.0)
CLOCK_SKEW_SECONDS = env.float("CLOCK_SKEW_SECONDS", 5.0)
# How long a web server lets one request run (gunicorn's --timeout).
WEB_TIMEOUT_SECONDS = env.float("WEB_TIMEOUT_SECONDS", 60.0)

# --- What a seller allows; 0 is no limit ----------------------------------------------------------
MAX_SEATS_PER_BOOKING = env.int("MAX_SEATS_PER_BOOKING", 9)
MAX_UNPAID_BOOKINGS = env.int("MAX_UNPAID_BOOKINGS", 10)  # of a user, at any time
MAX_BOOKINGS_PER_FLIGHT_HOUR = env.int("MAX_BOOKINGS_PER_FLIGHT_HOUR", 20)  # of a user
DEFAULT_CURRENCY = env.str("DEFAULT_CURRENCY", "INR")

# --- Celery: nudges and clocks, never truth -----------------------------------------------------
REDIS_URL = env.str("REDIS_URL", "redis://127.0.0.1:6379/0")
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = SERVICES[0]
CELERY_TASK_ROUTES = {
    "flights.*": {"queue": "flights"},
    "bookings.*": {"queue": "bookings"},
    "payments.*": {"queue": "payments"},
}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A nudge that can't be delivered at once is dropped: beat comes round in seconds.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Without these, kombu sleeps 6 seconds in whatever request sends a nudge.
    "max_retries": 0,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
    "socket_connect_timeout": 0.5,
    "socket_timeout": 2.0,
    "visibility_timeout": 60,
    # A task of a killed worker comes back within seconds, not after an hour.
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
}
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 2
_BEATS = {
    "bookings": {
        "expire-bookings": ("bookings.expire_bookings", EXPIRY_SWEEP_SECONDS),
        "relay-outbox": ("bookings.relay_outbox", OUTBOX_SECONDS),
        "reconcile-payments": ("bookings.reconcile_payments", RECONCILE_SECONDS),
        "audit": ("bookings.audit", AUDIT_SECONDS),
    },
    "flights": {
        "release-expired-holds": ("flights.release_expired_holds", EXPIRY_SWEEP_SECONDS),
    },
}
CELERY_BEAT_SCHEDULE = {
    name: {"task": task, "schedule": seconds, "options": {"expires": seconds}}
    for service in SERVICES
    for name, (task, seconds) in _BEATS.get(service, {}).items()
}

# --- API ------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    # Tokens first: DRF takes the WWW-Authenticate of a 401 from the first class.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.TokenAuthentication",
        "common.service_auth.ServiceAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["common.service_auth.IsAccount"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": [
        "rest_framework.renderers.JSONRenderer",
        "common.browsable.BrowsableAPIRenderer",
    ],
    "EXCEPTION_HANDLER": "common.problems.exception_handler",
    "DEFAULT_PAGINATION_CLASS": "common.paging.KeysetPagination",
    "DEFAULT_SCHEMA_CLASS": "common.schema.ProblemAutoSchema",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Seathold",
    "DESCRIPTION": "Flight booking that people can trust with seats and money.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": r"/api/v1/",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "FlightStatus": "flights.states.ShownStatus",
        "HoldStatus": "flights.states.HoldStatus",
        "BookingStatus": "bookings.states.BookingStatus",
        "AttemptStatus": "bookings.states.AttemptStatus",
        "ProviderPaymentStatus": "payments.states.PaymentStatus",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- Static files, language, time --------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = env.str("STATIC_ROOT", str(BASE_DIR / "static"))
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

# --- Browser safety -------------------------------------------------------------------------------
# True behind TLS (production); the local stack speaks plain HTTP on the loopback and sets it off.
SECURE = env.bool("SECURE", not DEBUG)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SECURE_SSL_REDIRECT = SECURE and env.bool("SSL_REDIRECT", True)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", 31536000) if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "common.problems.csrf_failure"
if env.bool("BEHIND_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- Logs -----------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "common.request_id.RequestIdFilter"}},
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"}
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["request_id"],
        }
    },
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", "INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "ERROR"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "django_celery_beat": {"level": "WARNING"},
        "urllib3": {"level": "ERROR"},
        # It warns of each HEAD request, whose body it drops, as it should.
        "gunicorn.http.wsgi": {"level": "ERROR"},
    },
}
