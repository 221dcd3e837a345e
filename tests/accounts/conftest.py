import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.test import Client
from knox.models import AuthToken

from accounts import tasks
from accounts.models import User
from common import throttles
from stack.program import free_port
from tests.people import PASSWORD


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("asha", "asha@example.com", PASSWORD)


@pytest.fixture
def token(user: User) -> str:
    return AuthToken.objects.create(user)[1]


@pytest.fixture
def owner(token: str) -> Client:
    """A client that sends Asha's token."""
    return Client(headers={"Authorization": f"Token {token}"}, content_type="application/json")


@pytest.fixture
def mailing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Mail is sent at once; to which addresses somebody had links sent."""
    asked: list[str] = []

    def send(email: str) -> None:
        asked.append(email)
        tasks.send_reset_mail(email)

    monkeypatch.setattr(tasks.send_reset_mail, "delay", send)
    return asked


@pytest.fixture
def limits(settings: Any) -> Iterator[Callable[..., None]]:
    """Throttles on, in a database of Redis of our own; call it to say other rates."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    settings.REDIS_URL = f"{settings.REDIS_URL.rpartition('/')[0]}/{worker % 14 + 1}"
    settings.THROTTLES = True
    throttles.counters.cache_clear()
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.flushdb()

    def rates(**changed: str) -> None:
        settings.THROTTLE_RATES = {**settings.THROTTLE_RATES, **changed}

    yield rates
    throttles.counters().client.close()
    throttles.counters.cache_clear()
    client.flushdb()
    client.close()


@pytest.fixture
def redis_gone(limits: Any, settings: Any) -> None:
    """Nobody listens where Redis was."""
    throttles.counters().client.close()
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    throttles.counters.cache_clear()
