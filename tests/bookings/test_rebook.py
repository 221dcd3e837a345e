"""On another flight: new seats before the old ones go, and nothing lost when it fails half-way."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from bookings import cancelling, errors, outbox, rebooking, services
from bookings.models import Booking, Rebooking
from bookings.states import BookingStatus, RebookingStatus
from tests.bookings.others import CONFIRM, FLIGHT, HOLD, RELEASE, OtherServices

pytestmark = pytest.mark.django_db

OTHER = {**FLIGHT, "id": 2, "flightNumber": "UK810"}


@pytest.fixture
def booked(booking: Booking, others: OtherServices) -> Booking:
    others.authorise()
    others.confirm()
    others.capture()
    services.pay(booking_id=booking.pk, key="k", payment_method="tok_visa")
    others.mock.calls.reset()
    booking.refresh_from_db()
    return booking


def rebook(booking: Booking) -> Booking:
    return rebooking.rebook(booking_id=booking.pk, from_flight_id=1, to_flight_id=2)


def test_a_rebooked_booking_has_the_new_hold_and_releases_the_old_one(
    booked: Booking, others: OtherServices
) -> None:
    others.hold({**OTHER, "flight": OTHER})
    others.release()
    moved = rebook(booked)
    assert (moved.flight_id, moved.flight["flightNumber"]) == (2, "UK810")
    assert (moved.status, moved.total_cost) == (BookingStatus.BOOKED, booked.total_cost)
    assert moved.reference == booked.reference, "its payments know it by that"
    assert moved.hold_reference == moved.rebookings.get().hold_reference
    outbox.relay()
    released = [{"flightId": 1, "reference": str(booked.hold_reference)}]
    assert others.sent(RELEASE) == [{"holds": released}]
    assert [message.kind for message in moved.messages.order_by("pk")][-1] == "REBOOKED"


def test_the_new_seats_are_confirmed_before_the_booking_moves(
    booked: Booking, others: OtherServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    others.hold({**OTHER, "flight": OTHER})
    order = []
    finish = rebooking._finish

    def look(*arguments: object) -> bool:
        order.extend([len(others.sent(HOLD, "PUT")), len(others.sent(CONFIRM))])
        return finish(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(rebooking, "_finish", look)
    rebook(booked)
    assert order == [1, 1]


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("seats_unavailable", 409, errors.SeatsUnavailable),
        ("flight_closed", 409, errors.FlightClosed),
        ("x", 503, errors.FlightsUnavailable),
    ],
)
def test_without_new_seats_the_booking_stays_as_it_was(
    booked: Booking, others: OtherServices, code: str, status: int, error: type[Exception]
) -> None:
    others.hold(code, status)
    with pytest.raises(error):
        rebook(booked)
    booked.refresh_from_db()
    assert (booked.flight_id, booked.status) == (1, BookingStatus.BOOKED)
    attempt = booked.rebookings.get()
    assert attempt.status == RebookingStatus.VOIDED
    assert booked.outbox.get().hold_reference == attempt.hold_reference, "should it be there yet"


def test_seats_lost_before_they_are_confirmed_leave_the_booking_where_it_was(
    booked: Booking, others: OtherServices
) -> None:
    others.hold({**OTHER, "flight": OTHER})
    others.mock.remove("POST", CONFIRM)
    others.confirm("hold_released", 409)
    with pytest.raises(errors.NotRebookable):
        rebook(booked)
    booked.refresh_from_db()
    assert booked.flight_id == 1


def test_a_booking_cancelled_meanwhile_keeps_no_seat_anywhere(
    booked: Booking, others: OtherServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    others.hold({**OTHER, "flight": OTHER})
    finish = rebooking._finish

    def cancel_first(*arguments: object) -> bool:
        cancelling.cancel(booking_id=booked.pk)
        return finish(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(rebooking, "_finish", cancel_first)
    with pytest.raises(errors.NotRebookable):
        rebook(booked)
    given_up = set(booked.outbox.filter(kind="RELEASE").values_list("flight_id", flat=True))
    assert given_up == {1, 2}


def test_what_a_dead_process_left_is_taken_back(booked: Booking, others: OtherServices) -> None:
    left = Rebooking.objects.create(booking=booked, from_flight_id=1, to_flight_id=2)
    assert list(rebooking.unfinished_rebookings()) == []
    Rebooking.objects.update(created_at=timezone.now() - timedelta(seconds=41))
    assert rebooking.take_back(list(rebooking.unfinished_rebookings())) == 1
    assert booked.outbox.get().hold_reference == left.hold_reference
    assert rebooking.take_back([left]) == 0, "twice is once"


def test_a_rebooking_that_was_taken_back_meanwhile_does_not_move_the_booking(
    booked: Booking, others: OtherServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    others.hold({**OTHER, "flight": OTHER})
    finish = rebooking._finish

    def take_back_first(*arguments: object) -> bool:
        rebooking.take_back(list(Rebooking.objects.all()))
        return finish(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(rebooking, "_finish", take_back_first)
    with pytest.raises(errors.NotRebookable):
        rebook(booked)
    booked.refresh_from_db()
    assert booked.flight_id == 1


def test_a_process_that_slept_too_long_does_not_confirm(
    booked: Booking, others: OtherServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    others.hold({**OTHER, "flight": OTHER})
    start = rebooking._start

    def sleep(*arguments: object) -> Rebooking:
        made = start(*arguments)  # type: ignore[arg-type]
        rebooking.take_back([made])
        return made

    monkeypatch.setattr(rebooking, "_start", sleep)
    with pytest.raises(errors.NotRebookable):
        rebook(booked)
    assert others.sent(CONFIRM) == []


def test_only_a_booked_booking_on_that_flight_is_rebooked(
    booked: Booking, make_booking: Callable[..., Booking]
) -> None:
    with pytest.raises(errors.NotRebookable):
        rebook(make_booking())
    Booking.objects.filter(pk=booked.pk).update(flight_id=3)
    with pytest.raises(errors.NotRebookable):
        rebook(booked)
