"""Two hosts with all services and workers, one database and one broker; clients ask either."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from stack.harness import Answer, Client, LocalStack
from tests.system.conftest import SHORT_TIMES
from tests.system.test_booking import pay, until
from tests.system.test_disruption import make_flight

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(300)]

SHARED = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "SERVICE_SECRETS")


@pytest.fixture(scope="module")
def hosts() -> Iterator[tuple[LocalStack, LocalStack]]:
    with LocalStack(SHORT_TIMES) as first:
        shared = {name: first.env[name] for name in SHARED}
        with LocalStack({**SHORT_TIMES, **shared, "DEMO_DATA": "0"}) as second:
            yield first, second


def at(host: LocalStack, client: Client) -> Client:
    """The same client, with the same token, at this host."""
    return Client(host.url, client.authorization)


def test_what_one_host_began_the_other_ends(hosts: tuple[LocalStack, LocalStack]) -> None:
    here, there = hosts
    traveller = here.login("traveller")
    flight = make_flight(here.login("admin"), 10, hours=1)
    order = {"flightId": flight, "noOfSeats": 2}
    made = traveller.post("bookings/", order, Idempotency_Key="once")
    again = at(there, traveller).post("bookings/", order, Idempotency_Key="once")
    assert (again.status, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert again.body["id"] == made.body["id"]
    assert pay(at(there, traveller), made.body["id"]).body["status"] == "BOOKED"
    assert traveller.get(f"bookings/{made.body['id']}/").body["status"] == "BOOKED"


def test_both_hosts_together_sell_no_seat_twice(hosts: tuple[LocalStack, LocalStack]) -> None:
    here = hosts[0]
    flight = make_flight(here.login("admin"), 30, hours=2)
    clients = [here.login("traveller"), here.login("traveller2")]
    everywhere = [at(host, client) for host in hosts for client in clients]

    def book(number: int) -> Answer:
        wanted = {"flightId": flight, "noOfSeats": 1}
        return everywhere[number % 4].post("bookings/", wanted, Idempotency_Key=uuid4().hex)

    with ThreadPoolExecutor(16) as pool:
        answers = Counter(answer.status for answer in pool.map(book, range(60)))
    assert answers == {201: 30, 409: 30}


def test_one_host_carries_on_when_the_other_is_gone(hosts: tuple[LocalStack, LocalStack]) -> None:
    here, there = hosts
    traveller = at(there, here.login("traveller"))
    flight = make_flight(here.login("admin"), 10, hours=3)
    made = traveller.post("bookings/", {"flightId": flight, "noOfSeats": 3}).body["id"]
    for name in ("bookings", "flights", "payments", "worker", "beat"):
        here.stop(name)
    try:
        paid = traveller.post("bookings/", {"flightId": flight, "noOfSeats": 4}).body["id"]
        assert pay(traveller, paid).body["status"] == "BOOKED"
        until(lambda: traveller.get(f"bookings/{made}/").body["status"], "CANCELLED")
        until(lambda: there.anonymous().get(f"flights/{flight}/").body["remainingSeats"], 6)
        audit = there.manage("audit")
        assert audit.returncode == 0, audit.stdout
    finally:
        for name in ("bookings", "flights", "payments", "worker", "beat"):
            here.start(name)
