"""Looking up a booking by locator and surname, and what its token is good for."""

import base64
import logging
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
import redis
from django.core import signing
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver
from rest_framework.test import APIClient

from bookings import cancelling, lookup, passengers, services
from bookings.models import Booking, Passenger
from bookings.passengers import PassengerName
from common import throttles
from stack.program import free_port
from tests.bookings.others import OtherServices

pytestmark = pytest.mark.django_db

URL = "/api/v1/bookings/"
LOOKUP = f"{URL}lookup/"
CONTACT = {"contact_email": "asha@example.com", "contact_phone": "+912212345678"}

Make = Callable[..., Booking]


@pytest.fixture
def booking(make_booking: Make) -> Booking:
    booking = make_booking(**CONTACT)
    passengers.add(booking, [PassengerName("Rao", "Asha"), PassengerName("van der Müller", "Jo")])
    booking.refresh_from_db()
    return booking


def look_up(booking: Booking, surname: str = "Rao", **more: Any) -> Any:
    return APIClient().post(LOOKUP, {"locator": booking.locator, "surname": surname}, **more)


def guest(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Booking {token}")
    return client


@pytest.fixture
def as_guest(booking: Booking) -> APIClient:
    return guest(look_up(booking).json()["token"])


# --- Finding -------------------------------------------------------------------------------------


def test_who_knows_locator_and_surname_reads_the_booking(booking: Booking) -> None:
    answer = look_up(booking)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert sorted(body) == ["booking", "expiry", "token"]
    assert body["booking"]["id"] == booking.pk
    assert [one["surname"] for one in body["booking"]["passengers"]] == ["Rao", "van der Müller"]
    lives = datetime.fromisoformat(body["expiry"]) - datetime.fromisoformat(
        body["booking"]["serverTime"]
    )
    assert abs(lives.total_seconds() - 30 * 60) < 10


def test_a_guest_sees_how_the_travellers_are_reached_only_by_half(
    booking: Booking, as_guest: APIClient
) -> None:
    for shown in (look_up(booking).json()["booking"], as_guest.get(f"{URL}{booking.pk}/").json()):
        assert shown["contact"] == {"email": "a***@example.com", "phone": "***78"}
        assert shown["availableActions"] == []


def test_where_there_is_no_contact_nothing_is_masked(make_booking: Make) -> None:
    booking = make_booking()
    passengers.add(booking, [PassengerName("Rao"), PassengerName("Sen")])
    assert look_up(booking).json()["booking"]["contact"] == {"email": "", "phone": ""}


@pytest.mark.parametrize(
    "surname",
    [
        "Rao",
        "RAO",
        "rao",
        " Ráo ",
        "R-a'o",
        "Van der Müller",
        "VANDERMULLER",
        "van-der-mu\u0308ller",
    ],
)
def test_a_surname_may_be_written_in_many_ways(booking: Booking, surname: str) -> None:
    assert look_up(booking, surname).status_code == 200


def test_a_locator_may_be_written_in_small_letters(booking: Booking) -> None:
    booking.locator = f" {booking.locator.lower()} "
    assert look_up(booking).status_code == 200


@pytest.mark.parametrize("surname", ["R", "Raos", "Asha", "Müller", "-", "123", "😀", "\u202e"])
def test_every_miss_is_answered_the_same(
    booking: Booking, make_booking: Make, surname: str
) -> None:
    nobody = make_booking()
    unknown = Booking(locator="222222")
    made_up = Booking(locator="no such one, ever")
    odd = Booking(locator="ß\u0301\u202eİ💺")
    answers = [
        look_up(booking, surname),
        *(look_up(one) for one in (nobody, unknown, made_up, odd)),
        look_up(unknown, lookup.NOBODY),
    ]
    bodies = [{**answer.json(), "requestId": ""} for answer in answers]
    assert [body["code"] for body in bodies] == ["booking_not_found"] * 6
    assert all(body == bodies[0] for body in bodies)
    heads = [
        {name: value for name, value in answer.headers.items() if name != "X-Request-ID"}
        for answer in answers
    ]
    assert all(head == heads[0] for head in heads)
    assert heads[0]["Cache-Control"] == "no-store"


def test_every_miss_asks_the_database_the_same(booking: Booking) -> None:
    asked = []
    for one, surname in ((booking, "Menon"), (Booking(locator="222222"), "Rao")):
        with CaptureQueriesContext(connection) as queries:
            look_up(one, surname)
        asked.append([query["sql"].replace(one.locator, "") for query in queries])
    assert asked[0] == asked[1]
    assert len(asked[0]) == 1


def test_who_does_not_travel_any_more_finds_nothing(booking: Booking) -> None:
    gone = booking.passengers.get(surname="Rao")
    quote = cancelling.quote(booking=booking, passengers=[gone.pk])
    cancelling.cancel(booking_id=booking.pk, quote_id=quote.id, passengers=[gone.pk])
    assert look_up(booking).status_code == 404
    assert look_up(booking, "van der Müller").status_code == 200


@pytest.mark.parametrize("reason", ["USER", "TIMEDOUT"])
def test_a_cancelled_booking_is_not_found(booking: Booking, reason: str) -> None:
    Booking.objects.update(status="CANCELLED", cancellation_reason=reason)
    assert look_up(booking).status_code == 404


def test_forgotten_travellers_are_not_found_by_an_empty_name(booking: Booking) -> None:
    Passenger.objects.update(surname="", given_names="")
    for surname in ("-", "FORGOTTEN", "."):
        assert look_up(booking, surname).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"locator": "ABCDEF"},
        {"locator": "", "surname": "Rao"},
        {"locator": "ABCDEF", "surname": ""},
        {"locator": 7, "surname": []},
        {"locator": "ABC\0", "surname": "Rao"},
        {"locator": "ABCDEF", "surname": "Rao\0"},
        {"locator": "ABCDEF", "surname": "a" * 10_000},
        {"locator": "a" * 10_000, "surname": "Rao"},
        {"locator": "ABCDEF", "surname": "Rao", "id": 1},
        [],
        None,
    ],
)
def test_what_can_be_nobodys_is_not_valid(body: Any) -> None:
    answer = APIClient().post(LOOKUP, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")


def test_looking_up_takes_no_account_whatever_else_is_shown(booking: Booking) -> None:
    assert look_up(booking, headers={"Authorization": "Token wrong"}).status_code == 200
    assert look_up(booking, headers={"Authorization": "Booking wrong"}).status_code == 200


# --- The token -----------------------------------------------------------------------------------


def test_a_guest_reads_the_booking_what_cancelling_would_do_and_what_happened(
    booking: Booking, as_guest: APIClient
) -> None:
    for path in ("", "cancellation/", "timeline/"):
        answer = as_guest.get(f"{URL}{booking.pk}/{path}")
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"


def routes(pk: int, passenger: int) -> Iterator[tuple[str, str]]:
    """Every path of the API below `bookings/`, with every method."""
    numbers = {"pk": pk, "passenger_id": passenger}
    names = {name for name in get_resolver().reverse_dict if str(name).startswith("booking-")}
    assert len(names) >= 9
    for name in names:
        (path, params), *_ = get_resolver().reverse_dict.getlist(name)[0][0]
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            yield method, "/" + path % {each: numbers[each] for each in params}


def test_a_guest_does_nothing_else_on_any_route(
    booking: Booking, as_guest: APIClient, make_booking: Make, others: OtherServices
) -> None:
    own, before = f"{URL}{booking.pk}/", Booking.objects.values().get()
    read = {("GET", own), ("GET", f"{own}cancellation/"), ("GET", f"{own}timeline/")}
    passenger = booking.passengers.all()[0].pk
    tried = set(routes(booking.pk, passenger)) - read - {("POST", LOOKUP)}
    assert ("PATCH", f"{own}passengers/{passenger}/") in tried
    assert ("POST", f"{own}payments/") in tried
    for method, path in tried:
        answer = as_guest.generic(method, path, "{}", content_type="application/json")
        assert answer.status_code in (403, 405), (method, path, answer.status_code)
    assert Booking.objects.values().get() == before
    other = make_booking()
    for method, path in routes(other.pk, passenger):
        if path not in (URL, LOOKUP):
            answer = as_guest.generic(method, path, "{}", content_type="application/json")
            assert answer.status_code in (403, 404, 405), (method, path, answer.status_code)


def test_another_booking_is_not_there_for_a_guest(as_guest: APIClient, make_booking: Make) -> None:
    other = make_booking()
    for path in ("", "cancellation/", "timeline/"):
        answer = as_guest.get(f"{URL}{other.pk}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "booking_not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "auth/me/"), ("POST", "auth/logout/"), ("GET", "holds/"), ("GET", "payments/")],
)
def test_elsewhere_the_token_says_nothing(as_guest: APIClient, method: str, path: str) -> None:
    answer = as_guest.generic(method, f"/api/v1/{path}")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_the_token_is_signed_and_does_not_tell_the_surname(booking: Booking) -> None:
    token = look_up(booking).json()["token"]
    payload = token.split(":")[0]
    told = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()
    assert told.startswith(f"[{booking.pk},")
    assert "rao" not in told.lower()


@pytest.mark.parametrize("forge", ["tamper", "salt", "key", "junk", "empty", "bytes", "shape"])
def test_a_token_that_is_not_ours_is_refused(booking: Booking, forge: str) -> None:
    token = look_up(booking).json()["token"]
    payload = signing.loads(token, salt=lookup.SALT)
    forged = {
        "tamper": ("A" if token[0] != "A" else "B") + token[1:],
        "salt": signing.dumps(payload, salt="other"),
        "key": signing.dumps(payload, key="other", salt=lookup.SALT),
        "junk": "junk",
        "empty": "",
        "bytes": "\xff\xfe:\xe9:x",
        "shape": token.replace(":", "", 1),
    }[forge]
    answer = guest(forged).get(f"{URL}{booking.pk}/")
    assert (answer.status_code, answer.json()["code"]) == (401, "authentication_failed")
    assert answer.headers["WWW-Authenticate"] == "Token"


def test_a_token_lives_half_an_hour(booking: Booking, monkeypatch: pytest.MonkeyPatch) -> None:
    token = look_up(booking).json()["token"]
    made = int(signing.b62_decode(token.split(":")[1]))
    statuses = []
    for seconds in (29 * 60 + 59, 30 * 60 + 1):
        monkeypatch.setattr("django.core.signing.time.time", lambda now=made + seconds: now)
        statuses.append(lookup.booking_of(token))
    assert statuses == [booking.pk, None]


def end_by_correction(booking: Booking) -> None:
    passenger = booking.passengers.get(surname="Rao")
    passengers.correct(booking_id=booking.pk, passenger_id=passenger.pk, surname="Roy")


def end_by_replacing(booking: Booking) -> None:
    passengers.replace(booking_id=booking.pk, given=[PassengerName("Sen"), PassengerName("Roy")])


def end_by_cancelling_the_seat(booking: Booking) -> None:
    gone = booking.passengers.get(surname="Rao")
    quote = cancelling.quote(booking=booking, passengers=[gone.pk])
    cancelling.cancel(booking_id=booking.pk, quote_id=quote.id, passengers=[gone.pk])


def end_by_cancelling(booking: Booking) -> None:
    cancelling.cancel(booking_id=booking.pk)


@pytest.mark.parametrize(
    "end",
    [end_by_correction, end_by_replacing, end_by_cancelling_the_seat, end_by_cancelling],
)
def test_a_token_ends_when_the_look_up_would_find_nothing(
    booking: Booking, as_guest: APIClient, end: Callable[[Booking], None]
) -> None:
    other = guest(look_up(booking, "Vandermüller").json()["token"])
    end(booking)
    answer = as_guest.get(f"{URL}{booking.pk}/")
    assert (answer.status_code, answer.json()["code"]) == (401, "authentication_failed")
    still_there = end in (end_by_correction, end_by_cancelling_the_seat)
    assert other.get(f"{URL}{booking.pk}/").status_code == (200 if still_there else 401)


def test_a_token_outlives_paying(
    booking: Booking, as_guest: APIClient, others: OtherServices
) -> None:
    others.all_well()
    services.pay(booking_id=booking.pk, key="k", payment_method="tok_visa")
    shown = as_guest.get(f"{URL}{booking.pk}/").json()
    assert (shown["status"], shown["availableActions"]) == ("BOOKED", [])


def test_names_locators_and_tokens_are_in_no_log(
    booking: Booking, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    token = look_up(booking, "vandermuller").json()["token"]
    guest(token).get(f"{URL}{booking.pk}/")
    look_up(booking, "Quirinus")
    assert caplog.text
    for secret in ("uller", "quirinus", booking.locator.lower(), token.lower()):
        assert secret not in caplog.text.lower()


# --- How often -----------------------------------------------------------------------------------


@pytest.fixture
def limits(settings: Any) -> Iterator[None]:
    """Throttles on, with small rates, and a database of Redis to ourselves."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    settings.REDIS_URL = f"{settings.REDIS_URL.rpartition('/')[0]}/{worker % 14 + 1}"
    settings.THROTTLES = True
    settings.THROTTLE_RATES = {"lookup": "4/h", "lookup_name": "2/h", "search": "2/h"}
    throttles.counters.cache_clear()
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    yield
    client.flushdb()
    client.close()
    throttles.counters().client.close()
    throttles.counters.cache_clear()


@pytest.mark.usefixtures("limits")
def test_surnames_of_one_locator_are_tried_a_few_times_whoever_tries(booking: Booking) -> None:
    answers = [look_up(booking, "Sen", REMOTE_ADDR=f"192.0.2.{n}") for n in (1, 2)]
    booking.locator = booking.locator.lower()
    limited = look_up(booking, "Rao", REMOTE_ADDR="192.0.2.3")
    assert [answer.status_code for answer in answers] == [404, 404]
    assert (limited.status_code, limited.json()["code"]) == (429, "throttled")
    assert int(limited.headers["Retry-After"]) > 1


@pytest.mark.usefixtures("limits")
def test_one_address_tries_a_few_locators() -> None:
    answers = [look_up(Booking(locator=f"22222{n}")).status_code for n in range(5)]
    assert answers == [404] * 4 + [429]


@pytest.mark.usefixtures("limits")
def test_without_redis_nothing_is_looked_up(booking: Booking, settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    throttles.counters.cache_clear()
    with CaptureQueriesContext(connection) as queries:
        answer = look_up(booking)
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert len(queries) == 0


@pytest.mark.usefixtures("limits")
def test_guests_at_different_addresses_do_not_slow_each_other_down(booking: Booking) -> None:
    client, answers = guest(look_up(booking).json()["token"]), []
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.1"):
        answers.append(client.get(f"{URL}{booking.pk}/", REMOTE_ADDR=address).status_code)
    assert answers == [200, 200, 200, 429]
