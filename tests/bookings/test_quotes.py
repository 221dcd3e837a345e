"""Cancelling by quote: what is told before is what happens, or nothing does."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from bookings import outbox, passengers, services
from bookings.models import Booking, OutboxMessage, RefundRule
from bookings.passengers import PassengerName
from bookings.states import AttemptStatus, BookingStatus
from common.wire import to_wire_time
from tests.bookings.others import FLIGHT, REFUND, SHRINK, OtherServices

pytestmark = pytest.mark.django_db


def path(booking: Booking, what: str) -> str:
    return f"/api/v1/bookings/{booking.pk}/{what}/"


def quote(api: APIClient, booking: Booking, **wanted: Any) -> dict[str, Any]:
    answer = api.get(path(booking, "cancellation"), wanted)
    assert answer.status_code == 200, answer.json()
    return answer.json()


def cancel(api: APIClient, booking: Booking, **body: Any) -> tuple[int, dict[str, Any]]:
    answer = api.post(path(booking, "cancel"), body)
    return answer.status_code, answer.json()


def relay() -> None:
    while outbox.relay():
        pass


@pytest.fixture
def paid(make_booking: Callable[..., Booking], others: OtherServices) -> Booking:
    """Three seats for 15,000 INR, paid and captured."""
    others.all_well()
    others.refund()
    booking = make_booking(no_of_seats=3, total_cost=Decimal(15000))
    services.pay(booking_id=booking.pk, key="k", payment_method="tok_visa")
    booking.refresh_from_db()
    return booking


@pytest.fixture
def three_quarters(db: None) -> RefundRule:
    return RefundRule.objects.create(hours_before=24, percent=75)


def test_a_quote_says_what_comes_back_by_which_rule_and_until_when(
    api: APIClient, paid: Booking, three_quarters: RefundRule
) -> None:
    told = quote(api, paid)
    assert (told["noOfSeats"], told["refund"], told["kept"]) == (3, "11250.00", "3750.00")
    assert told["rule"]["name"] == "24 hours before departure: 75 %"
    assert told["validUntil"] == to_wire_time(paid.departure_time - timedelta(hours=24))


def test_the_quote_is_what_happens_and_stays_on_the_booking(
    api: APIClient, paid: Booking, others: OtherServices, three_quarters: RefundRule
) -> None:
    others.void("already_captured", 409)
    status, body = cancel(api, paid, quote=quote(api, paid)["id"])
    assert (status, body["status"], body["cancellationReason"]) == (200, "CANCELLED", "USER")
    cancellation = body["cancellations"][0]
    assert (cancellation["refund"], cancellation["kept"]) == ("11250.00", "3750.00")
    assert cancellation["rule"]["percent"] == "75"
    relay()
    assert others.sent(REFUND) == [{"amount": "11250.00"}]
    payment = api.get(path(paid, "")[:-1]).json()["payments"][0]
    assert (payment["status"], payment["amountRefunded"]) == ("CAPTURED", "11250.00")
    assert payment["refunds"][0]["status"] == "REFUNDED"


def test_an_outdated_quote_changes_nothing_and_brings_the_new_one(
    api: APIClient, paid: Booking, three_quarters: RefundRule
) -> None:
    old = quote(api, paid)["id"]
    three_quarters.percent = Decimal(50)
    three_quarters.save()
    status, body = cancel(api, paid, quote=old)
    assert (status, body["code"], body["quote"]["refund"]) == (409, "quote_outdated", "7500.00")
    paid.refresh_from_db()
    assert paid.status == BookingStatus.BOOKED
    assert cancel(api, paid, quote=body["quote"]["id"])[0] == 200


def test_a_quote_outlives_neither_its_band_nor_another_cancellation(
    api: APIClient, paid: Booking, three_quarters: RefundRule
) -> None:
    whole = quote(api, paid)["id"]
    cancel(api, paid, quote=quote(api, paid, noOfSeats=1)["id"], noOfSeats=1)
    assert cancel(api, paid, quote=whole)[1]["code"] == "quote_outdated"
    before = quote(api, paid)["id"]
    leaves = timezone.now() + timedelta(hours=23)
    Booking.objects.update(flight={**FLIGHT, "departureTime": to_wire_time(leaves)})
    status, body = cancel(api, paid, quote=before)
    assert (status, body["quote"]["refund"]) == (409, "0.00")


def test_without_a_quote_the_rule_of_the_moment_applies_and_is_named(
    api: APIClient, paid: Booking, three_quarters: RefundRule
) -> None:
    assert cancel(api, paid)[1]["cancellations"][0]["refund"] == "11250.00"


def test_some_seats_are_cancelled_and_the_booking_goes_on(
    api: APIClient, paid: Booking, others: OtherServices, three_quarters: RefundRule
) -> None:
    told = quote(api, paid, noOfSeats=1)
    assert (told["refund"], told["kept"]) == ("3750.00", "1250.00")
    status, body = cancel(api, paid, quote=told["id"], noOfSeats=1)
    assert (status, body["status"]) == (200, "BOOKED")
    assert (body["noOfSeats"], body["totalCost"]) == (2, "10000.00")
    relay()
    assert others.sent(SHRINK) == [{"noOfSeats": 2}]
    assert others.sent(REFUND) == [{"amount": "3750.00"}]


def test_a_repeated_partial_cancel_does_nothing_twice(api: APIClient, paid: Booking) -> None:
    wanted = {"quote": quote(api, paid, noOfSeats=1)["id"], "noOfSeats": 1}
    first, second = cancel(api, paid, **wanted), cancel(api, paid, **wanted)
    assert (first[0], second[0]) == (200, 200)
    assert second[1]["noOfSeats"] == 2
    assert len(second[1]["cancellations"]) == 1


def test_some_seats_are_only_cancelled_by_quote(api: APIClient, paid: Booking) -> None:
    assert cancel(api, paid, noOfSeats=1)[1]["code"] == "quote_missing"
    assert cancel(api, paid, noOfSeats=3)[0] == 200, "all of them are the whole booking"


@pytest.mark.parametrize("seats", [4, 1000])
def test_more_seats_than_booked_are_refused(api: APIClient, paid: Booking, seats: int) -> None:
    answer = api.get(path(paid, "cancellation"), {"noOfSeats": seats})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_seats")
    assert answer.json()["bookedSeats"] == 3


def test_seats_of_an_unpaid_booking_are_cancelled_for_nothing(
    api: APIClient, make_booking: Callable[..., Booking], others: OtherServices
) -> None:
    others.all_well()
    booking = make_booking(no_of_seats=3, total_cost=Decimal(15000))
    told = quote(api, booking, noOfSeats=2)
    assert (told["refund"], told["kept"]) == ("0.00", "0.00")
    cancel(api, booking, quote=told["id"], noOfSeats=2)
    paid = services.pay(booking_id=booking.pk, key="k", payment_method="tok_visa").booking
    assert paid.attempts.get().amount == 5000


def test_a_part_refunded_before_the_capture_waits_for_it(
    api: APIClient, make_booking: Callable[..., Booking], others: OtherServices
) -> None:
    others.authorise()
    others.confirm()
    others.capture("x", 503)
    others.shrink()
    others.refund()
    booking = make_booking()
    services.pay(booking_id=booking.pk, key="k", payment_method="tok_visa")
    cancel(api, booking, quote=quote(api, booking, noOfSeats=1)["id"], noOfSeats=1)
    relay()
    assert others.sent(REFUND) == []
    others.capture()
    OutboxMessage.objects.update(due_at=timezone.now())
    relay()
    assert others.sent(REFUND) == [{"amount": "5000.00"}]
    assert booking.attempts.get().status == AttemptStatus.CAPTURED


def test_when_all_is_given_back_in_parts_the_payment_is_refunded(
    api: APIClient, paid: Booking, others: OtherServices
) -> None:
    others.void("already_captured", 409)
    cancel(api, paid, quote=quote(api, paid, noOfSeats=1)["id"], noOfSeats=1)
    cancel(api, paid)
    relay()
    assert others.sent(REFUND) == [{"amount": "5000.00"}, {"amount": "10000.00"}]
    assert paid.attempts.get().status == AttemptStatus.REFUNDED


def test_a_departed_flight_is_not_cancelled_any_more(api: APIClient, paid: Booking) -> None:
    gone = to_wire_time(timezone.now() - timedelta(minutes=1))
    Booking.objects.update(flight={**FLIGHT, "departureTime": gone})
    assert cancel(api, paid)[1]["code"] == "flight_departed"
    assert api.get(path(paid, "cancellation")).json()["code"] == "flight_departed"
    assert api.get(path(paid, "")[:-1]).json()["availableActions"] == []


def test_a_cancelled_booking_has_no_quote(api: APIClient, paid: Booking) -> None:
    cancel(api, paid)
    assert api.get(path(paid, "cancellation")).json()["code"] == "booking_cancelled"


def test_a_moved_flight_lets_its_travellers_go_for_nothing(
    api: APIClient, paid: Booking, three_quarters: RefundRule
) -> None:
    Booking.objects.update(free_to_cancel=True)
    assert quote(api, paid)["refund"] == "15000.00"


# --- With passengers --------------------------------------------------------------------------


@pytest.fixture
def family(paid: Booking) -> Booking:
    """An adult with an infant, an adult, and a child, on three seats."""
    names = [("Asha", "ADULT"), ("Baby", "INFANT"), ("Ben", "ADULT"), ("Cy", "CHILD")]
    passengers.add(paid, [PassengerName("Rao", name, kind) for name, kind in names])
    return paid


def ids(booking: Booking, *names: str) -> list[int]:
    return [booking.passengers.get(given_names=name).pk for name in names]


def test_who_leaves_is_named_and_gone(api: APIClient, family: Booking) -> None:
    leaving = ids(family, "Asha", "Baby")
    told = quote(api, family, passengers=",".join(map(str, leaving)))
    assert (told["noOfSeats"], told["passengers"]) == (1, leaving)
    _, body = cancel(api, family, quote=told["id"], passengers=leaving)
    assert [one["givenNames"] for one in body["passengers"]] == ["Ben", "Cy"]
    assert body["noOfSeats"] == 2


def test_seats_of_passengers_are_not_cancelled_without_saying_whose(
    api: APIClient, family: Booking
) -> None:
    answer = api.get(path(family, "cancellation"), {"noOfSeats": 1})
    assert (answer.status_code, answer.json()["code"]) == (400, "passengers_unclear")


def test_an_infant_does_not_stay_alone(api: APIClient, family: Booking) -> None:
    leaving = ids(family, "Asha", "Ben")
    answer = api.get(path(family, "cancellation"), {"passengers": ",".join(map(str, leaving))})
    assert answer.json()["detail"] == "Each infant that stays needs an adult."


def test_passengers_of_another_booking_are_not_cancelled(
    api: APIClient, family: Booking, make_booking: Callable[..., Booking]
) -> None:
    other = make_booking()
    passengers.add(other, [PassengerName("Rao", "Zoe")])
    answer = api.get(path(family, "cancellation"), {"passengers": str(ids(other, "Zoe")[0])})
    assert answer.json()["code"] == "passengers_unclear"


def test_another_travellers_quote_is_not_found(stranger: Any, paid: Booking) -> None:
    other = APIClient()
    other.force_authenticate(stranger)
    assert other.get(path(paid, "cancellation")).status_code == 404
    assert cancel(other, paid)[0] == 404
