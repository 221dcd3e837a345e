"""The three services' real code, and the networks between them."""

import os
import secrets
from collections.abc import Iterator

import hypothesis
import pytest
import urllib3

from bookings import audit
from tests.money import acts
from tests.money.network import Network, PatientTime, Services, connection_class

THREADS = 8  # requests that the other services work on at once

# "short" plays the same each time, and reports what fails as it is: MONEY_PROFILE=shrunk plays it
# again, and makes it small. MONEY_PROFILE=long looks for what nobody has seen yet.
PROFILE = os.environ.get("MONEY_PROFILE", "short")
# A busy machine is slow, and nothing is wrong with that.
PATIENT = hypothesis.settings(
    deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.register_profile(
    "shrunk", PATIENT, database=None, max_examples=12, stateful_step_count=40
)
hypothesis.settings.register_profile(
    "short", hypothesis.settings.get_profile("shrunk"), phases=[hypothesis.Phase.generate]
)
hypothesis.settings.register_profile("long", PATIENT, max_examples=2000, stateful_step_count=80)


@pytest.fixture(scope="session")
def profile() -> hypothesis.settings:
    return hypothesis.settings.get_profile(PROFILE)


@pytest.fixture(scope="session")
def chance() -> int:
    """What all that is random begins with."""
    return secrets.randbits(32) if PROFILE == "long" else 0


@pytest.fixture(autouse=True)
def fresh_clients(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No breaker or connection of one test reaches the next."""
    monkeypatch.setattr(audit, "PAUSE", 0)
    acts.forget_clients()
    yield
    acts.forget_clients()


@pytest.fixture
def no_nudges(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker runs in these tests: the tests say when a relay does."""
    monkeypatch.setattr("bookings.outbox.current_app.send_task", lambda name, **kwargs: None)


@pytest.fixture
def services(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """The flights and payments services, whose bank never really sleeps."""
    time = PatientTime()
    monkeypatch.setattr("payments.methods.time", time)
    running = Services(THREADS, time)
    yield running
    running.close()


@pytest.fixture
def network(
    services: Services, no_nudges: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Network]:
    """A network on which nothing goes wrong."""
    network = Network(services)
    wire = connection_class(network.carry)
    monkeypatch.setattr(urllib3.HTTPConnectionPool, "ConnectionCls", wire)
    yield network
    assert network.held_during_a_call == []
