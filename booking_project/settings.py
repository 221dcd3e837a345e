"""Every setting of Seathold. All that differs between installations comes from the environment.

The README has the table of variables. Settings whose relations carry a promise are checked at
start (bookings/checks.py, common/checks.py): a server with settings that break one won't start.
"""

import sys
from datetime import timedelta
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

DEBUG = env.bool("DEBUG", False)
# True behind TLS (production); the local stack speaks plain HTTP on the loopback and sets it off.
SECURE = env.bool("SECURE", not DEBUG)
SECRET_KEY = env.str("SECRET_KEY", "")
# Older keys, while what they signed (sessions, links in mails) is still around.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# --- Which services this process serves: their URLs, their tasks, their queue ----------------
SERVICES = env.list("SERVICES", default=["flights", "bookings", "payments"])
# Secrets that services show each other: all are accepted, the first is sent.
SERVICE_SECRETS = env.list("SERVICE_SECRETS", default=[])
FLIGHTS_URL = env.str("FLIGHTS_URL", "http://127.0.0.1:8001")
PAYMENTS_URL = env.str("PAYMENTS_URL", "http://127.0.0.1:8002")

INSTALLED_APPS = [
    "common.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "knox",
    "pgtrigger",
    "pghistory",
    "django_celery_beat",
    "corsheaders",
    "csp",
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
    "common.log.RequestLogMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "common.browser.BrowserMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "common.middleware.SlashMiddleware",
    "common.middleware.WholeMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

if "bookings" in SERVICES:
    MIDDLEWARE.append("bookings.actor.ActorMiddleware")

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
        "ENGINE": "common.postgresql",
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
# So that what happened in one transaction is told in order, too.
PGHISTORY_CREATED_AT_FUNCTION = "clock_timestamp()"
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
LOGIN_REDIRECT_URL = "root"
PASSWORD_RESET_TIMEOUT = env.int("PASSWORD_RESET_SECONDS", 3600)

# --- Mail ---------------------------------------------------------------------------------------
# smtp+tls://user:password@host:587. Without it, mail is printed where all can read it (the local
# stack), and sent nowhere in production: the log must show no link that opens an account.
vars().update(env.email_url("EMAIL_URL", default="dummymail://" if SECURE else "consolemail://"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("DEFAULT_FROM_EMAIL", "Seathold <noreply@localhost>")
# Where people reach us: what links in mails begin with.
SITE_URL = env.str("SITE_URL", "http://127.0.0.1:8000").rstrip("/")

# --- Holds and payments: how long things may take, in seconds ----------------------------------
PAYMENT_WINDOW_SECONDS = env.int("PAYMENT_WINDOW_SECONDS", 300)
# How long after it was made staff can let a booking be paid at most.
MAX_PAYMENT_WINDOW_SECONDS = env.int("MAX_PAYMENT_WINDOW_SECONDS", 72 * 3600)
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
# How long a web server that stops lets its requests end.
WEB_TIMEOUT_SECONDS = env.float("WEB_TIMEOUT_SECONDS", 60.0)
# Requests that one process of a web server works on at once; any number wait.
WEB_THREADS = env.int("WEB_THREADS", 8)

# --- What a seller allows; 0 is no limit ----------------------------------------------------------
MAX_SEATS_PER_BOOKING = env.int("MAX_SEATS_PER_BOOKING", 9)
MAX_UNPAID_BOOKINGS = env.int("MAX_UNPAID_BOOKINGS", 10)  # of a user, at any time
MAX_BOOKINGS_PER_FLIGHT_HOUR = env.int("MAX_BOOKINGS_PER_FLIGHT_HOUR", 20)  # of a user
DEFAULT_CURRENCY = env.str("DEFAULT_CURRENCY", "INR")

# --- Passengers -----------------------------------------------------------------------------------
# Whether a booking is paid only when it says who flies.
PASSENGERS_REQUIRED = env.bool("PASSENGERS_REQUIRED", False)
# What travellers correct themselves in a name that is paid: so many letters, until so long before.
NAME_CORRECTION_LETTERS = env.int("NAME_CORRECTION_LETTERS", 3)
NAME_CORRECTION_HOURS = env.int("NAME_CORRECTION_HOURS", 24)
# How long a booking that was looked up by its locator can be read.
LOOKUP_TOKEN_MINUTES = env.int("LOOKUP_TOKEN_MINUTES", 30)

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
        "send-messages": ("bookings.send_messages", OUTBOX_SECONDS),
        "reconcile-payments": ("bookings.reconcile_payments", RECONCILE_SECONDS),
        "audit": ("bookings.audit", AUDIT_SECONDS),
        "forget-travellers": ("bookings.forget_travellers", 86400),
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
        "common.session_auth.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["common.service_auth.IsAccount"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": [
        "rest_framework.renderers.JSONRenderer",
        "common.browsable.BrowsableAPIRenderer",
    ],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "common.negotiation.ContentNegotiation",
    "DEFAULT_THROTTLE_CLASSES": ["common.throttles.CostThrottle"],
    # So many proxies of our own stand in front, each adding to X-Forwarded-For.
    "NUM_PROXIES": env.int("NUM_PROXIES", 0),
    "EXCEPTION_HANDLER": "common.problems.exception_handler",
    "DEFAULT_PAGINATION_CLASS": "common.paging.KeysetPagination",
    "DEFAULT_SCHEMA_CLASS": "common.schema.ProblemAutoSchema",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
THROTTLES = env.bool("THROTTLES", True)
# By cost class (common/throttles.py). Logging in is counted by address, and by name; looking up a
# booking, too: its name is the locator.
THROTTLE_RATES = {
    "search": "600/min",
    "create": "60/min",
    "pay": "30/min",
    "login": "30/min",
    "login_name": "10/10min",
    "lookup": "30/min",
    "lookup_name": "10/10min",
} | env.dict("THROTTLE_RATES", default={})
SPECTACULAR_SETTINGS = {
    "TITLE": "Seathold",
    "DESCRIPTION": "Flight booking that people can trust with seats and money.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": r"/api/v1/",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "common.schema_hooks.add_links",
        "common.schema_hooks.add_examples",
    ],
    "ENUM_NAME_OVERRIDES": {
        "FlightStatus": "flights.states.ShownStatus",
        "HoldStatus": "flights.states.HoldStatus",
        "BookingStatus": "bookings.states.BookingStatus",
        "AttemptStatus": "bookings.states.AttemptStatus",
        "PassengerType": "bookings.states.PassengerType",
        "ProviderPaymentStatus": "payments.states.PaymentStatus",
        "DeclineCode": "payments.states.DeclineCode",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},  # ask no stranger
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
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SECURE_SSL_REDIRECT = SECURE and env.bool("SSL_REDIRECT", True)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", 31536000) if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],  # and inline ones in the admin and the browsable API alone
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
# Pages of these origins may use the API, with a token: never with our cookies.
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_HEADERS = ["accept", "authorization", "content-type", "idempotency-key", "x-request-id"]
CORS_EXPOSE_HEADERS = ["Idempotency-Replayed", "Retry-After", "X-Request-ID"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # bytes of a body; what a form uploads as a file is apart
CSRF_FAILURE_VIEW = "common.problems.csrf_failure"
if env.bool("BEHIND_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- Logs -----------------------------------------------------------------------------------------
# JSON, a line each; `text` where a person reads.
LOG_FORMAT = env.str("LOG_FORMAT", "text" if sys.stderr.isatty() else "json")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    # What is answered 5xx on purpose has its line as a request.
    "filters": {
        "unexpected": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: record.exc_info,
        }
    },
    "formatters": {
        "line": {"()": "common.log.formatter", "form": LOG_FORMAT, "service": ",".join(SERVICES)}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", "INFO")},
    "loggers": {
        "django.request": {"level": "ERROR", "filters": ["unexpected"]},
        "django.security.csrf": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "ERROR"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "django_celery_beat": {"level": "WARNING"},
        "urllib3": {"level": "ERROR"},
    },
}
