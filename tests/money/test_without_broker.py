"""The broker is down all the time: nothing waits for it, and nothing is lost."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from bookings.models import Booking
from payments.models import Payment
from tests.money import acts, promises
from tests.money.mother import Life, Mother

FEW = 4  # connections that one request may try: refused at once, they cost no time
SHORTLY = 0.1  # seconds that one request may sleep between them


@pytest.fixture
def broker() -> Iterator[str]:
    """The address of a broker that is not there. The port stays ours, so that nobody opens it."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield f"redis://127.0.0.1:{closed.getsockname()[1]}/0"


@pytest.fixture
def mother(
    live_server: Any, settings: Any, fresh_clients: None, no_nudges: None, broker: str
) -> Iterator[Mother]:
    settings.FLIGHTS_URL = settings.PAYMENTS_URL = live_server.url
    acts.forget_clients()
    with Mother(live_server.url, broker) as mother:
        yield mother


def test_without_a_broker_bookings_are_made_paid_cancelled_and_expire_by_the_commands(
    mother: Mother,
) -> None:
    flight = acts.make_flight(10)
    lives: list[Life] = []

    def request(*act: Any) -> Any:
        life = mother.bear(act)
        lives.append(life)
        status, body = life.result
        assert status in (200, 201), body
        return body

    def command(name: str) -> None:
        lives.append(mother.bear(("command", name)))

    kept, cancelled, expired, orphaned = (
        request("create", acts.make_traveller().pk, flight.pk, seats)["id"] for seats in range(1, 5)
    )
    assert request("pay", kept, "tok_visa", "key")["status"] == "BOOKED"
    request("pay", cancelled, "tok_visa", "key")
    assert request("cancel", cancelled)["status"] == "CANCELLED"
    # Its payer dies; the reconciler has to do without a broker, too.
    assert mother.bear(("pay", orphaned, "tok_visa", "key"), die_at="confirm").died

    acts.time_passes(acts.LEASE)
    command("reconcile_payments")
    acts.time_passes(300)
    command("expire_bookings")
    command("relay_outbox")
    acts.time_passes(300)
    command("release_expired_holds")

    assert dict(Booking.objects.values_list("pk", "status")) == {
        kept: "BOOKED",
        cancelled: "CANCELLED",
        expired: "CANCELLED",
        orphaned: "BOOKED",
    }
    flight.refresh_from_db()
    assert flight.remaining_seats == 10 - 1 - 4
    assert sum(payment.refundable for payment in Payment.objects.all()) == 5 * flight.price
    promises.check_the_end()
    assert max(life.broker_connections for life in lives) <= FEW
    assert max(life.slept for life in lives) <= SHORTLY
    assert sum(life.broker_connections for life in lives) > 0  # it was asked, and not there
