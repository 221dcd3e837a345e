import pytest
from rest_framework.test import APIClient

from bookings import services
from bookings.models import Booking
from bookings.states import AttemptStatus, BookingStatus, OutboxKind
from tests.bookings.others import OtherServices

pytestmark = pytest.mark.django_db


def cancel(api: APIClient, booking: Booking) -> tuple[int, str | None, str | None]:
    answer = api.post(f"/api/v1/bookings/{booking.pk}/cancel/")
    body = answer.json()
    return answer.status_code, body.get("status"), body.get("cancellationReason")


def test_cancelling_an_unpaid_booking_gives_its_seats_back(
    api: APIClient, booking: Booking, nudges: list[str], django_capture_on_commit_callbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert cancel(api, booking) == (200, "CANCELLED", "USER")
    assert booking.outbox.get().kind == OutboxKind.RELEASE
    assert nudges == ["bookings.relay_outbox"]


def test_fields_that_mean_nothing_when_cancelling_are_refused(
    api: APIClient, booking: Booking
) -> None:
    answer = api.post(f"/api/v1/bookings/{booking.pk}/cancel/", {"refund": "all"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "#/refund")
    booking.refresh_from_db()
    assert booking.status == BookingStatus.INITIATED


def test_cancelling_twice_answers_twice_and_does_it_once(api: APIClient, booking: Booking) -> None:
    cancel(api, booking)
    assert cancel(api, booking) == (200, "CANCELLED", "USER")
    assert booking.outbox.count() == 1


def test_a_booking_that_is_being_paid_is_not_cancelled(api: APIClient, booking: Booking) -> None:
    services._start_attempt(
        booking_id=booking.pk, key="k", payment_method="tok_visa", total_cost=None
    )
    answer = api.post(f"/api/v1/bookings/{booking.pk}/cancel/")
    assert (answer.status_code, answer.json()["code"]) == (409, "payment_in_progress")
    booking.refresh_from_db()
    assert booking.status == BookingStatus.INITIATED


def test_cancelling_a_captured_booking_gives_seats_and_money_back(
    api: APIClient, booking: Booking, others: OtherServices
) -> None:
    others.all_well()
    services.pay(booking_id=booking.pk, key="k", payment_method="tok_visa")
    assert cancel(api, booking) == (200, "CANCELLED", "USER")
    assert sorted(booking.outbox.values_list("kind", flat=True)) == ["GIVE_BACK", "RELEASE"]


def test_cancelling_before_the_capture_takes_the_capture_out_of_the_outbox(
    api: APIClient, booking: Booking, others: OtherServices
) -> None:
    others.authorise()
    others.confirm()
    others.capture("x", 503)
    services.pay(booking_id=booking.pk, key="k", payment_method="tok_visa")
    assert booking.outbox.get().kind == OutboxKind.CAPTURE
    cancel(api, booking)
    assert sorted(booking.outbox.values_list("kind", flat=True)) == ["GIVE_BACK", "RELEASE"]
    assert booking.attempts.get().status == AttemptStatus.AUTHORIZED


def test_a_cancelled_booking_offers_nothing_more(api: APIClient, booking: Booking) -> None:
    cancel(api, booking)
    assert api.get(f"/api/v1/bookings/{booking.pk}/").json()["availableActions"] == []
