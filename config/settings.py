"""Django's settings. Everything comes from the environment; a fresh checkout runs without any."""

from datetime import timedelta
from pathlib import Path

from django.templatetags.static import static
from django.urls import reverse_lazy

from config import connections, env

BASE_DIR = Path(__file__).resolve().parent.parent
TASKYARD_HOME = Path(env.text("TASKYARD_HOME") or BASE_DIR / ".run").resolve()

# --- Where we run ---------------------------------------------------------------------------------------------------

DEBUG = env.boolean("DEBUG", False)
SECRET_KEY_IS_GENERATED = not env.text("SECRET_KEY")
SECRET_KEY = env.secret("SECRET_KEY", TASKYARD_HOME / "secret_key")
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
BEHIND_TLS = env.boolean("BEHIND_TLS", False)
ENVIRONMENT = env.text("ENVIRONMENT", "local")
TASKYARD_RELEASE = env.text("TASKYARD_RELEASE", "unknown")[:60]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = env.zone("TIME_ZONE", "UTC")
LANGUAGE_CODE = "en-us"

INSTALLED_APPS = [
    "unfold",
    "config.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_standardized_errors",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "django_celery_results",
    "tasks",
    "workflows",
    "monitoring",
    *env.modules("EXTRA_APPS"),
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "tasks.middleware.LateFormMiddleware",
    "tasks.middleware.DoorMiddleware",
    "tasks.middleware.VisibleSignsMiddleware",
]

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
            ]
        },
    }
]

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT") or TASKYARD_HOME / "static").resolve()
# Finders serve the files until `collectstatic` has been run, so that a fresh checkout needs no step of its own.
WHITENOISE_USE_FINDERS = not (STATIC_ROOT / "admin").exists()

AUTHENTICATION_BACKENDS = ["tasks.backends.Backend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

# --- Database: PostgreSQL by DATABASE_URL, else SQLite in TASKYARD_HOME ---------------------------------------------

_database, LISTEN_DATABASE = connections.database(TASKYARD_HOME)
DATABASE_BEHIND_PGBOUNCER = env.boolean("DATABASE_BEHIND_PGBOUNCER", False)
DATABASES = {"default": _database}

# --- Broker: RabbitMQ by BROKER_URL, else files in TASKYARD_HOME ----------------------------------------------------

_broker_url, BROKER_TLS = connections.broker()
EMBEDDED_BROKER = not _broker_url
BROKER_URL = _broker_url or "taskyard-files://localhost//"
BROKER_NAMESPACE = env.text("BROKER_NAMESPACE", "taskyard")
if not BROKER_NAMESPACE.replace("-", "").replace("_", "").isalnum() or len(BROKER_NAMESPACE) > 40:
    raise env.WrongSetting(f"BROKER_NAMESPACE={env.shown(BROKER_NAMESPACE)} is not 1 to 40 letters, digits, - and _")
BROKER_FOLDER = TASKYARD_HOME / "broker"
BROKER_QUEUE_TYPE = env.choice("BROKER_QUEUE_TYPE", "classic", {"classic", "quorum"})

# --- The engine -----------------------------------------------------------------------------------------------------

PAYLOAD_LIMIT = env.integer("PAYLOAD_LIMIT", 256 * 1024, least=1024)
RESULT_LIMIT = env.integer("RESULT_LIMIT", 1024 * 1024, least=1024)
BULK_LIMIT = env.integer("BULK_LIMIT", 10_000, least=1)
BULK_ACTION_LIMIT = env.integer("BULK_ACTION_LIMIT", 100_000, least=1, most=1_000_000)
BULK_ACTION_TOLERANCE = env.integer("BULK_ACTION_TOLERANCE", 2, most=100)
GUARD_CANARY = env.integer("GUARD_CANARY", 20, least=1, most=1_000)
GUARD_RATE = env.integer("GUARD_RATE", 50, least=1, most=100_000)
GUARD_FAILURES = env.integer("GUARD_FAILURES", 20, most=100)
LEASE_SECONDS = env.integer("LEASE_SECONDS", 30, least=3)
LEADER_LEASE_SECONDS = env.integer("LEADER_LEASE_SECONDS", 8, least=2)
LOST_MESSAGE_SECONDS = env.integer("LOST_MESSAGE_SECONDS", 30, least=1)
MAX_WORKER_LOSSES = env.integer("MAX_WORKER_LOSSES", 3, least=1)
PRIORITY_AGEING_SECONDS = env.integer("PRIORITY_AGEING_SECONDS", 300, least=1)
UNKNOWN_TYPE_GRACE_SECONDS = env.integer("UNKNOWN_TYPE_GRACE_SECONDS", 86_400, least=1, most=20 * 86_400)
COROUTINES_PER_PROCESS = env.integer("COROUTINES_PER_PROCESS", 200, least=1)
# 0 sets no bound. A process that has done nothing yet takes about 120 MiB: less than 256 would stop innocent tasks.
WORKER_MEMORY_LIMIT = env.integer("WORKER_MEMORY_LIMIT", 2048)
if 0 < WORKER_MEMORY_LIMIT < 256:
    raise env.WrongSetting(f"WORKER_MEMORY_LIMIT={WORKER_MEMORY_LIMIT} must be 0 (none) or at least 256 (MiB)")
WORKER_ONLINE_SECONDS = env.integer("WORKER_ONLINE_SECONDS", 15, least=2)
OVERLOAD_DEPTH = env.integer("OVERLOAD_DEPTH", 10_000, least=1, most=100_000)  # counting further would cost too much
OVERLOAD_DEPTH_IN_ALL = env.integer("OVERLOAD_DEPTH_IN_ALL", 10_000, least=1, most=100_000)
OVERLOAD_OLDEST_SECONDS = env.integer("OVERLOAD_OLDEST_SECONDS", 300, least=1)
OVERLOAD_DRAIN_SECONDS = env.integer("OVERLOAD_DRAIN_SECONDS", 1_800, least=1)
PULSE_ROOT = TASKYARD_HOME / "pulse"  # signs of life for deploy/healthy.py, which looks there as well
KILL_POINTS = env.text("KILL_POINTS")
WORKER_CONCURRENCY = env.integer("WORKER_CONCURRENCY", 2 if EMBEDDED_BROKER else 5, least=1, most=256)

# --- Built-in handlers ----------------------------------------------------------------------------------------------

HTTP_BASE_URL = env.text("HTTP_BASE_URL")
HTTP_ALLOWED_PRIVATE_HOSTS = env.words("HTTP_ALLOWED_PRIVATE_HOSTS")
WEBHOOK_SECRETS = env.signing_keys("WEBHOOK_SECRETS")
HTTP_RESPONSE_LIMIT = env.integer("HTTP_RESPONSE_LIMIT", 64 * 1024, least=0)
DATA_ROOT = Path(env.text("DATA_ROOT") or TASKYARD_HOME / "data").resolve()
DATA_MEMORY_LIMIT = env.integer("DATA_MEMORY_LIMIT", 1_024, least=128)  # MiB
DATA_THREADS = env.integer("DATA_THREADS", 2, least=1, most=256)

# --- Celery's own periodic tasks (everything of Taskyard's is in config/celery.py) ----------------------------------

CELERY_RESULT_BACKEND = "django-db"
CELERY_RESULT_EXTENDED = True  # the rows name their task
DJANGO_CELERY_BEAT_TZ_AWARE = True

# --- API ------------------------------------------------------------------------------------------------------------

# Requests a second to one web process, 0 for any number.
API_USER_RATE = env.integer("API_USER_RATE", 500, least=0)
API_KEY_RATE = env.integer("API_KEY_RATE", 250, least=0)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tasks.api.authentication.KeyAuthentication",
        "rest_framework_simplejwt.authentication.JWTAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["tasks.api.throttling.UserThrottle", "tasks.api.throttling.KeyThrottle"],
    "DEFAULT_PARSER_CLASSES": ["tasks.api.parsers.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_METADATA_CLASS": None,  # it answers OPTIONS from serializers, which there are none of
    "DEFAULT_SCHEMA_CLASS": "tasks.api.describing.AutoSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "URL_FORMAT_OVERRIDE": None,  # `format` is a parameter of exports
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
DRF_STANDARDIZED_ERRORS = {"EXCEPTION_HANDLER_CLASS": "tasks.api.errors.ExceptionHandler"}
SPECTACULAR_SETTINGS = {
    "TITLE": "Taskyard",
    "VERSION": TASKYARD_RELEASE,
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        "displayRequestDuration": True,
        "docExpansion": "none",
        "filter": True,
        "persistAuthorization": False,  # it would keep tokens in the browser
        "tryItOutEnabled": True,
        "validatorUrl": None,  # no page asks the internet
    },
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": [],
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.integer("JWT_ACCESS_MINUTES", 30, least=1, most=525_600)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.integer("JWT_REFRESH_DAYS", 7, least=1, most=3_650)),
    "UPDATE_LAST_LOGIN": False,
    "TOKEN_REFRESH_SERIALIZER": "tasks.api.tokens.RefreshSerializer",
}
# A bulk request may carry BULK_LIMIT tasks; 64 MiB holds 10,000 of 6 KiB each.
DATA_UPLOAD_MAX_MEMORY_SIZE = env.integer("REQUEST_LIMIT", 64 * 1024 * 1024, least=1024)

# --- Admin ----------------------------------------------------------------------------------------------------------

FLOWER_URL = env.url("FLOWER_URL", {"http", "https"})  # as browsers reach it; without, the sidebar does not list it

# The login page is opened without a page to go to as well: by a bookmark, or after one has signed out.
LOGIN_REDIRECT_URL = "admin:index"

UNFOLD = {
    "SITE_TITLE": "Taskyard",
    "SITE_HEADER": "Taskyard",
    "SITE_SYMBOL": "conveyor_belt",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "config.admin.environment_badge",
    "LOGIN": {"form": "tasks.login_form.LoginForm"},
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("tasks/favicon.svg")},
    ],
    "STYLES": [lambda request: static("tasks/admin.css"), lambda request: static("tasks/queues.css")],
    "SCRIPTS": [lambda request: static("tasks/keyboard.js")],
    "DASHBOARD_CALLBACK": "tasks.admin.dashboard.dashboard",
    "SIDEBAR": {"show_search": False, "navigation": "config.admin.sidebar"},
    "TABS": [
        {
            "models": ["tasks.deadletter", "tasks.failuregroup", "tasks.failurerule"],
            "items": [
                {
                    "title": title,
                    "link": reverse_lazy(f"admin:tasks_{model}_changelist"),
                    "permission": f"config.admin.may_see_{permission}",
                }
                for title, model, permission in (
                    ("Dead letters", "deadletter", "dead_letters"),
                    ("Groups", "failuregroup", "dead_letters"),
                    ("Rules", "failurerule", "failure_rules"),
                )
            ],
        }
    ],
}

# --- Security -------------------------------------------------------------------------------------------------------

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = BEHIND_TLS
if BEHIND_TLS:
    # Health checks reach the process itself, without the proxy.
    SECURE_REDIRECT_EXEMPT = [r"^api/health/(live|ready)/$"]
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "tasks.admin.refusals.csrf_failure"

# --- Logs -----------------------------------------------------------------------------------------------------------

_log_level = env.choice("LOG_LEVEL", "INFO", {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "config.logs.MaskingFormatter", "format": "%(asctime)s %(levelname)-7s %(name)s: %(message)s"}
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": _log_level},
    "loggers": {
        # A line a message says nothing about tasks, and costs: the admin shows those.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        # Below these they write headers and whole URLs, of strangers' servers too.
        "httpcore": {"level": "INFO"},
        "httpx": {"level": "WARNING"},
    },
}

# --- For the checks: a variable that resembles one of these, and is none, was misspelt ------------------------------

_read_by_others = {"PORT", "FLOWER_PORT", "FLOWER_BASIC_AUTH"}
_read_by_others |= {f"DJANGO_SUPERUSER_{word}" for word in ("USERNAME", "EMAIL", "PASSWORD")}
VARIABLES = frozenset(env.asked | _read_by_others | {f"{name}_FILE" for name in _read_by_others})
