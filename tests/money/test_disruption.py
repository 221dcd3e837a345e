"""A flight is cancelled or moved: each of its bookings is put right once, and told once."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from bookings import disruption, errors
from bookings.disruption import Outcome, Remedy
from bookings.models import Booking, Message, Rebooking
from flights import holds
from flights.models import Flight, SeatHold
from payments.models import Payment
from tests.money import acts, promises
from tests.money.network import Network
from tests.threads import run_at_once

pytestmark = pytest.mark.usefixtures("network")


def book(flight: Flight, seats: int = 2, method: str = "tok_visa") -> Booking:
    booking_id = acts.create(acts.make_traveller().pk, flight.pk, seats).json()["id"]
    acts.pay(booking_id, method, "key")
    return Booking.objects.get(pk=booking_id)


def move(flight: Flight, **by: float) -> None:
    with holds.flight_locked(flight_id=flight.pk) as locked:
        times = {
            name: getattr(locked, name) + timedelta(**by)
            for name in ("departure_time", "arrival_time")
        }
        holds.change_flight(locked, **times)


def now(booking: Booking) -> Booking:
    return Booking.objects.get(pk=booking.pk)


def told(booking: Booking) -> list[str]:
    """What its traveller is told of it from here on."""
    usual = ("HELD", "BOOKED", "REFUNDED")
    return list(
        Message.objects.filter(booking=booking)
        .exclude(kind__in=usual)
        .values_list("kind", flat=True)
    )


def put_right(flight: Flight, **options: Any) -> Counter[Outcome]:
    return disruption.handle(disruption.look(flight_id=flight.pk, **options))


@pytest.fixture
def flight(network: Network) -> Iterator[Flight]:
    yield acts.make_flight(20)
    acts.settle()
    promises.check_the_end()


def test_nothing_is_done_before_somebody_agrees(flight: Flight) -> None:
    booking, other = book(flight), acts.make_flight(10)
    holds.cancel_flight(flight_id=flight.pk)
    out = StringIO()
    call_command("handle_disruption", flight.pk, "--dry-run", stdout=out)
    assert "1 bookings would be rebooked" in out.getvalue()
    assert other.flight_number in out.getvalue()
    assert now(booking).flight_id == flight.pk
    assert told(booking) == []


def test_travellers_of_a_cancelled_flight_go_on_one_with_room_and_the_others_are_refunded(
    flight: Flight,
) -> None:
    bookings = [book(flight) for _ in range(3)]
    other = acts.make_flight(5)
    holds.cancel_flight(flight_id=flight.pk)
    foreseen = disruption.foresee(disruption.look(flight_id=flight.pk))
    assert foreseen == {Outcome.REBOOKED: 2, Outcome.REFUNDED: 1}
    assert put_right(flight) == foreseen
    assert [now(booking).flight_id for booking in bookings] == [other.pk, other.pk, flight.pk]
    refunded = now(bookings[2])
    assert (refunded.status, refunded.cancellation_reason) == ("CANCELLED", "FLIGHT_CANCELLED")
    assert [told(booking) for booking in bookings] == [["REBOOKED"], ["REBOOKED"], ["CANCELLED"]]


def test_run_twice_it_does_nothing_twice(flight: Flight) -> None:
    bookings = [book(flight) for _ in range(2)]
    acts.make_flight(2)
    holds.cancel_flight(flight_id=flight.pk)
    put_right(flight)
    assert put_right(flight) == Counter()
    assert [len(told(booking)) for booking in bookings] == [1, 1]


def test_run_by_two_at_once_each_booking_is_put_right_once(flight: Flight) -> None:
    bookings = [book(flight, seats=1) for _ in range(8)]
    for _ in range(2):
        acts.make_flight(3)
    holds.cancel_flight(flight_id=flight.pk)
    found = disruption.look(flight_id=flight.pk)
    run_at_once(*[lambda: disruption.handle(found)] * 2)
    acts.recover()
    put_right(flight)
    assert [len(told(booking)) for booking in bookings] == [1] * 8
    assert Rebooking.objects.filter(status="DONE").count() == 6


def test_everything_comes_back_though_seats_were_cancelled_before(flight: Flight) -> None:
    booking = book(flight, seats=3)
    api = APIClient()
    api.force_authenticate(User.objects.get(pk=booking.user_id))
    path = f"/api/v1/bookings/{booking.pk}/"
    quote = api.get(f"{path}cancellation/?noOfSeats=1").json()["id"]
    assert api.post(f"{path}cancel/", {"noOfSeats": 1, "quote": quote}).status_code == 200
    holds.cancel_flight(flight_id=flight.pk)
    assert put_right(flight) == {Outcome.REFUNDED: 1}
    acts.settle()
    payment = Payment.objects.get()
    assert payment.amount_refunded == payment.amount == 3 * flight.price


def test_who_has_not_paid_yet_is_let_go(flight: Flight) -> None:
    booking_id = acts.create(acts.make_traveller().pk, flight.pk, 2).json()["id"]
    holds.cancel_flight(flight_id=flight.pk)
    assert put_right(flight) == {Outcome.LET_GO: 1}
    booking = Booking.objects.get(pk=booking_id)
    assert (booking.status, booking.cancellation_reason) == ("CANCELLED", "FLIGHT_CANCELLED")
    done = booking.cancellations.get()
    assert done.refund + done.kept == 0, "nothing is kept of what was never paid"


def test_who_is_just_paying_is_left_for_later(flight: Flight) -> None:
    booking_id = acts.create(acts.make_traveller().pk, flight.pk, 2).json()["id"]
    Booking.objects.update(paying_since=timezone.now())
    holds.cancel_flight(flight_id=flight.pk)
    assert put_right(flight) == {Outcome.BUSY: 1}
    Booking.objects.update(paying_since=None)
    assert put_right(flight) == {Outcome.LET_GO: 1}
    assert Booking.objects.get(pk=booking_id).status == "CANCELLED"


def test_travellers_of_a_moved_flight_stay_are_told_and_may_leave_for_nothing(
    flight: Flight,
) -> None:
    booking = book(flight)
    move(flight, hours=3)
    assert put_right(flight) == {Outcome.KEPT: 1}
    kept = now(booking)
    assert (kept.status, kept.free_to_cancel) == ("BOOKED", True)
    assert kept.departure_time == Flight.objects.get(pk=flight.pk).departure_time
    with pytest.raises(errors.NotDisrupted):
        put_right(flight)
    assert told(booking) == ["MOVED"]
    move(flight, hours=1)
    put_right(flight)
    assert told(booking) == ["MOVED", "MOVED"], "another move is news again"


def test_a_moved_flight_may_be_refunded_instead(flight: Flight) -> None:
    booking = book(flight)
    move(flight, hours=30)
    assert put_right(flight, remedy=Remedy.REFUND) == {Outcome.REFUNDED: 1}
    assert now(booking).cancellation_reason == "FLIGHT_MOVED"


def test_a_flight_that_is_as_it_was_sold_is_left_alone(flight: Flight) -> None:
    booking = book(flight)
    with pytest.raises(errors.NotDisrupted):
        put_right(flight)
    with pytest.raises(errors.FlightNotFound):
        disruption.look(flight_id=10**9)
    with pytest.raises(CommandError):
        call_command("handle_disruption", flight.pk, "--yes", stdout=StringIO())
    holds.cancel_flight(flight_id=flight.pk)
    with pytest.raises(errors.NotDisrupted):
        disruption.look(flight_id=flight.pk, remedy=Remedy.KEEP)
    assert now(booking).status == "BOOKED"


def test_the_closest_flight_comes_first_and_full_or_other_ones_do_not_come_at_all(
    flight: Flight,
) -> None:
    close, far, full, back = (acts.make_flight(seats) for seats in (5, 5, 1, 5))
    move(far, hours=5)
    move(close, hours=-1)
    book(full, seats=1)
    Flight.objects.filter(pk=back.pk).update(
        departure_airport=flight.arrival_airport, arrival_airport=flight.departure_airport
    )
    holds.cancel_flight(flight_id=flight.pk)
    found = disruption.look(flight_id=flight.pk).alternatives
    assert [other["id"] for other in found] == [close.pk, far.pk]


def test_flights_that_fill_up_meanwhile_are_not_oversold(
    flight: Flight, monkeypatch: pytest.MonkeyPatch
) -> None:
    book(flight)
    other = acts.make_flight(2)
    holds.cancel_flight(flight_id=flight.pk)
    found = disruption.look(flight_id=flight.pk)
    book(other, seats=1)
    assert disruption.handle(found) == {Outcome.REFUNDED: 1}


def test_staff_do_it_from_the_admin_after_they_have_seen_what_it_does(
    flight: Flight, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(
        "bookings.admin.current_app.send_task", lambda name, args: sent.append((name, args))
    )
    booking = book(flight)
    holds.cancel_flight(flight_id=flight.pk)
    client.force_login(User.objects.create_superuser("travellerofadmin"))
    form = {"action": "handle_disruption", "_selected_action": [booking.pk]}
    page = client.post("/admin/bookings/booking/", form)
    assert "1 bookings would be refunded" in page.content.decode()
    assert sent == []
    client.post("/admin/bookings/booking/", {**form, "agreed": "Do it"})
    assert sent == [("bookings.handle_disruption", [flight.pk, "rebook"])]


def test_a_rebooked_booking_can_be_rebooked_again_and_cancelled(flight: Flight) -> None:
    booking, second, third = book(flight), acts.make_flight(5), acts.make_flight(5)
    move(third, hours=2)
    holds.cancel_flight(flight_id=flight.pk)
    put_right(flight)
    holds.cancel_flight(flight_id=second.pk)
    put_right(second)
    assert now(booking).flight_id == third.pk
    assert acts.cancel(booking.pk).json()["status"] == "CANCELLED"
    acts.settle()
    assert SeatHold.objects.filter(status="CONFIRMED").count() == 0
    assert Payment.objects.get().refundable == 0
