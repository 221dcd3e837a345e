"""Settings of the tests: their environment first, then the real settings.

Without TEST_DATABASE_URL and TEST_REDIS_URL the run brings its own servers. Their addresses are
chosen here, before anything reads the settings; tests/conftest.py starts them. Workers of
pytest-xdist inherit the addresses.
"""

import os
import secrets
import tempfile
from pathlib import Path

from stack.program import free_port
from stack.servers import Postgres, Server, Valkey

OWN_SERVERS: list[Server] = []
SERVER_DIR_PREFIX = "seathold-tests-"
SERVER_DIR = Path(tempfile.gettempdir()) / f"{SERVER_DIR_PREFIX}{os.getpid()}"
if "TEST_DATABASE_URL" not in os.environ:
    postgres = Postgres(
        SERVER_DIR / "postgres", password=secrets.token_hex(16), port=free_port(), durable=False
    )
    OWN_SERVERS.append(postgres)
    os.environ["TEST_DATABASE_URL"] = postgres.url
if "TEST_REDIS_URL" not in os.environ:
    valkey = Valkey(SERVER_DIR / "valkey", password=secrets.token_hex(16))
    OWN_SERVERS.append(valkey)
    os.environ["TEST_REDIS_URL"] = valkey.url

os.environ.update(
    DATABASE_URL=os.environ["TEST_DATABASE_URL"],
    REDIS_URL=os.environ["TEST_REDIS_URL"],
    SECRET_KEY="django-insecure-tests",
    SERVICE_SECRETS="tests-service-secret,tests-older-service-secret",
    SERVICES="flights,bookings,payments",
    SECURE="0",
    DEBUG="0",
    MAX_UNPAID_BOOKINGS="0",
    MAX_BOOKINGS_PER_FLIGHT_HOUR="0",
    THROTTLES="off",
    ALLOWED_HOSTS="testserver,127.0.0.1,localhost",
)

from booking_project.settings import *  # noqa: E402, F403

# Hashing is slow on purpose; tests log in often.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Nothing is collected for tests.
MIDDLEWARE = [name for name in MIDDLEWARE if not name.startswith("whitenoise.")]  # noqa: F405
