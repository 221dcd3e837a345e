from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from bookings import cancelling, services
from bookings.models import Booking
from common.wire import to_wire_time
from tests.bookings.others import DOWN, FLIGHT, HOLD, TIMED_OUT, OtherServices

URL = "/api/v1/bookings/"
ORDER = {"flightId": 1, "noOfSeats": 2}

pytestmark = pytest.mark.django_db


def test_creating_a_booking_holds_seats_and_answers_with_it(
    api: APIClient, traveller: User, others: OtherServices
) -> None:
    others.hold()
    answer = api.post(URL, {**ORDER, "userId": traveller.pk})
    assert answer.status_code == 201
    booking = Booking.objects.get()
    body = answer.json()
    assert body["id"] == booking.pk
    assert body["reference"] == str(booking.reference)
    assert body["locator"] == booking.locator
    assert len(booking.locator) == 6
    assert body["userId"] == traveller.pk
    assert body["noOfSeats"] == 2
    assert (body["totalCost"], body["currency"]) == ("10000.00", "INR")
    assert (body["status"], body["cancellationReason"]) == ("INITIATED", None)
    assert body["flight"] == FLIGHT
    assert body["passengers"] == body["payments"] == []
    assert body["availableActions"] == ["pay", "cancel"]
    assert body["paymentDeadline"].endswith("Z")
    assert others.sent(HOLD, "PUT")[0]["noOfSeats"] == 2


def test_the_hold_outlives_the_payment_deadline_by_the_grace(
    api: APIClient, others: OtherServices, settings: Any
) -> None:
    others.hold()
    body = api.post(URL, ORDER).json()
    held_until = datetime.fromisoformat(others.sent(HOLD, "PUT")[0]["expiresAt"])
    grace = held_until - datetime.fromisoformat(body["paymentDeadline"])
    assert abs(grace.total_seconds() - settings.HOLD_GRACE_SECONDS) < 1


def test_nobody_can_pay_after_the_flight_has_left(api: APIClient, others: OtherServices) -> None:
    leaves = to_wire_time(timezone.now() + timedelta(minutes=1))
    others.hold({**FLIGHT, "flight": {**FLIGHT, "departureTime": leaves}})
    assert api.post(URL, ORDER).json()["paymentDeadline"] == leaves


def test_too_few_seats_books_nothing_and_says_how_many_remain(
    api: APIClient, others: OtherServices
) -> None:
    others.mock.put(HOLD, json={"code": "seats_unavailable", "remainingSeats": 1}, status=409)
    answer = api.post(URL, ORDER)
    assert answer.status_code == 409
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "seats_unavailable"
    assert answer.json()["remainingSeats"] == 1
    assert not Booking.objects.exists()


@pytest.mark.parametrize(
    ("answer", "status"), [(DOWN, 0), (TIMED_OUT, 0), ("x", 503), ("x", 500), ({"rubbish": 1}, 200)]
)
def test_without_the_flights_service_nothing_is_booked_and_the_hold_is_given_up(
    api: APIClient, others: OtherServices, answer: Any, status: int
) -> None:
    others.hold(answer, status)
    others.give_up()
    response = api.post(URL, ORDER)
    assert response.status_code == 503
    assert response.json()["code"] == "flights_unavailable"
    assert response.headers["Retry-After"]
    assert not Booking.objects.exists()
    assert len(others.sent(HOLD, "DELETE")) == 1


@pytest.mark.parametrize(
    ("code", "sent", "status"), [("flight_not_found", 404, 404), ("flight_closed", 409, 409)]
)
def test_a_flight_that_is_unknown_or_closed_is_refused_by_its_code(
    api: APIClient, others: OtherServices, code: str, sent: int, status: int
) -> None:
    others.hold(code, sent)
    answer = api.post(URL, ORDER)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Booking.objects.exists()


def test_another_price_than_expected_books_nothing_and_gives_the_hold_up(
    api: APIClient, others: OtherServices
) -> None:
    others.hold()
    others.give_up()
    answer = api.post(URL, {**ORDER, "expectedPrice": "4000.00"})
    assert (answer.status_code, answer.json()["code"]) == (409, "price_changed")
    assert answer.json()["price"] == "5000.00"
    assert not Booking.objects.exists()
    assert len(others.sent(HOLD, "DELETE")) == 1


def test_the_price_as_expected_is_booked(api: APIClient, others: OtherServices) -> None:
    others.hold()
    assert api.post(URL, {**ORDER, "expectedPrice": "5000"}).status_code == 201


def test_when_the_insert_fails_the_hold_is_given_up(
    api: APIClient, others: OtherServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(booking: Booking) -> None:
        raise IntegrityError("no")

    others.hold()
    others.give_up()
    monkeypatch.setattr("bookings.services._insert", fail)
    with pytest.raises(IntegrityError):
        api.post(URL, ORDER)
    assert len(others.sent(HOLD, "DELETE")) == 1


def test_once_commit_was_sent_the_hold_is_left_alone(
    traveller: User, others: OtherServices
) -> None:
    others.hold()

    def commit_with_an_error() -> None:
        with services.SeatsInHand(1) as seats, transaction.atomic():
            services.initiate(seats=seats, user_id=traveller.pk, order=services.Order(1, 2))
            raise ConnectionError("the answer to COMMIT was lost")

    with pytest.raises(ConnectionError):
        commit_with_an_error()
    assert others.sent(HOLD, "DELETE") == []


@pytest.mark.parametrize(
    "body",
    [
        {"flightId": 1, "noOfSeats": 0},
        {"flightId": 1, "noOfSeats": -1},
        {"flightId": 1, "noOfSeats": 10},
        {"flightId": 1, "noOfSeats": 10**40},
        {"flightId": 1, "noOfSeats": 1.5},
        {"flightId": 1, "noOfSeats": "2"},
        {"flightId": 1, "noOfSeats": True},
        {"flightId": 1, "noOfSeats": None},
        {"flightId": 1},
        {"noOfSeats": 1},
        {"flightId": 0, "noOfSeats": 1},
        {"flightId": 2**63, "noOfSeats": 1},
        {"flightId": [1], "noOfSeats": 1},
        {**ORDER, "expectedPrice": 1.5},
        {**ORDER, "expectedPrice": "cheap"},
        [],
        "2",
    ],
)
def test_a_bad_order_is_refused_before_anything_is_held(
    api: APIClient, others: OtherServices, body: Any
) -> None:
    answer = api.post(URL, body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "validation_error"
    assert answer.json()["errors"][0]["pointer"].startswith("#")


@pytest.mark.parametrize("field", ["status", "totalCost", "paymentDeadline", "no_of_seats", "x"])
def test_fields_that_are_not_known_are_refused_by_name(
    api: APIClient, others: OtherServices, field: str
) -> None:
    answer = api.post(URL, {**ORDER, field: "BOOKED"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == f"#/{field}"


def test_malformed_json_and_other_content_types_get_problem_documents(api: APIClient) -> None:
    malformed = api.post(URL, '{"flightId": 1,', content_type="application/json")
    assert (malformed.status_code, malformed.json()["code"]) == (400, "parse_error")
    form = api.post(URL, "flightId=1", content_type="application/x-www-form-urlencoded")
    assert (form.status_code, form.json()["code"]) == (415, "unsupported_media_type")


def test_a_traveller_books_for_nobody_else(
    api: APIClient, stranger: User, others: OtherServices
) -> None:
    answer = api.post(URL, {**ORDER, "userId": stranger.pk})
    assert (answer.status_code, answer.json()["code"]) == (403, "not_your_user")


def test_staff_book_for_any_traveller_that_exists(
    staff: User, traveller: User, others: OtherServices
) -> None:
    others.hold()
    api = APIClient()
    api.force_authenticate(staff)
    assert api.post(URL, {**ORDER, "userId": traveller.pk}).json()["userId"] == traveller.pk
    unknown = api.post(URL, {**ORDER, "userId": 10**9})
    assert unknown.status_code == 400
    assert unknown.json()["errors"][0]["pointer"] == "#/userId"


def test_the_same_key_and_request_answers_with_the_same_booking(
    api: APIClient, others: OtherServices
) -> None:
    others.hold()
    first = api.post(URL, ORDER, headers={"Idempotency-Key": "k1"})
    again = api.post(URL, ORDER, headers={"Idempotency-Key": "k1"})
    assert again.status_code == 201
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert again.json()["id"] == first.json()["id"]
    assert len(others.sent(HOLD, "PUT")) == 1


def test_the_same_key_with_another_request_is_refused(
    api: APIClient, others: OtherServices
) -> None:
    others.hold()
    api.post(URL, ORDER, headers={"Idempotency-Key": "k1"})
    answer = api.post(URL, {**ORDER, "noOfSeats": 3}, headers={"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_a_key_whose_request_made_nothing_may_be_used_again(
    api: APIClient, others: OtherServices
) -> None:
    others.hold("x", 503)
    others.give_up()
    assert api.post(URL, ORDER, headers={"Idempotency-Key": "k1"}).status_code == 503
    others.hold()
    assert api.post(URL, ORDER, headers={"Idempotency-Key": "k1"}).status_code == 201


@pytest.fixture
def late_winner(make_booking: Any, monkeypatch: pytest.MonkeyPatch) -> Booking:
    """A booking under key k1 that is seen only when one looks a second time."""
    real, found = services.find_repeat, list[Booking | None]()

    def too_early_at_first(**order: Any) -> Booking | None:
        found.append(real(**order) if found else None)
        return found[-1]

    monkeypatch.setattr(services, "find_repeat", too_early_at_first)
    booking: Booking = make_booking(idempotency_key="k1")
    return booking


def test_when_another_request_with_the_key_was_faster_its_booking_is_answered(
    api: APIClient, others: OtherServices, late_winner: Booking
) -> None:
    others.hold()
    others.give_up()
    answer = api.post(URL, ORDER, headers={"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.json()["id"]) == (201, late_winner.pk)
    assert len(others.sent(HOLD, "DELETE")) == 1, "the loser gives its own hold up"
    assert Booking.objects.count() == 1


def test_a_repeat_that_finds_no_seats_left_is_answered_with_the_booking_that_took_them(
    api: APIClient, others: OtherServices, late_winner: Booking
) -> None:
    others.hold("seats_unavailable", 409)
    answer = api.post(URL, ORDER, headers={"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.headers["Idempotency-Replayed"]) == (201, "true")
    assert answer.json()["id"] == late_winner.pk


def test_two_travellers_may_use_the_same_key(
    api: APIClient, stranger: User, others: OtherServices
) -> None:
    others.hold()
    api.post(URL, ORDER, headers={"Idempotency-Key": "k1"})
    api.force_authenticate(stranger)
    answer = api.post(URL, ORDER, headers={"Idempotency-Key": "k1"})
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers


def test_a_taken_locator_is_drawn_again(
    others: OtherServices, booking: Booking, api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    others.hold()
    others.give_up()
    drawn = iter([booking.locator, booking.locator, "ZZZZZZ"])
    monkeypatch.setattr(Booking._meta.get_field("locator"), "_get_default", lambda: next(drawn))
    assert api.post(URL, ORDER).json()["locator"] == "ZZZZZZ"
    assert len(others.sent(HOLD, "DELETE")) == 2  # what was held for the first two


def test_nobody_books_without_an_account(others: OtherServices) -> None:
    answer = APIClient().post(URL, ORDER)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Token"
    service = APIClient(headers={"Authorization": "Service tests-service-secret"})
    assert service.post(URL, ORDER).status_code == 403


def test_a_user_with_too_many_unpaid_bookings_gets_no_more(
    api: APIClient, others: OtherServices, booking: Booking, settings: Any
) -> None:
    settings.MAX_UNPAID_BOOKINGS = 1
    others.hold()
    others.give_up()
    answer = api.post(URL, ORDER)
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_unpaid_bookings")
    assert answer.json()["limit"] == 1
    assert len(others.sent(HOLD, "DELETE")) == 1
    cancelling.cancel(booking_id=booking.pk)
    assert api.post(URL, ORDER).status_code == 201


def test_a_user_books_the_same_flight_only_so_often_an_hour(
    api: APIClient, others: OtherServices, booking: Booking, settings: Any
) -> None:
    settings.MAX_BOOKINGS_PER_FLIGHT_HOUR = 1
    others.hold()
    others.give_up()
    answer = api.post(URL, ORDER)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_bookings")
    assert answer.headers["Retry-After"]
    assert api.post(URL, {**ORDER, "flightId": 2}).status_code == 201
    Booking.objects.update(created_at=timezone.now() - timedelta(hours=2))
    assert api.post(URL, ORDER).status_code == 201
