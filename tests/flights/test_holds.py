"""The rules of holds: the protocol's 1 to 5, on a real PostgreSQL."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from flights import errors, holds
from flights.models import Flight, SeatHold
from flights.states import HoldStatus

pytestmark = pytest.mark.django_db
HELD, CONFIRMED, RELEASED = HoldStatus.HELD, HoldStatus.CONFIRMED, HoldStatus.RELEASED


def soon() -> datetime:
    return timezone.now() + timedelta(minutes=5)


def hold(flight: Flight, seats: int = 2, reference: UUID | None = None) -> SeatHold:
    return holds.hold_seats(
        flight_id=flight.pk,
        reference=reference or uuid4(),
        no_of_seats=seats,
        expires_at=soon(),
    ).hold


def expire(hold: SeatHold) -> None:
    SeatHold.objects.filter(pk=hold.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


def seats_left(flight: Flight) -> int:
    return Flight.objects.get(pk=flight.pk).remaining_seats


def status_of(hold: SeatHold) -> str:
    return SeatHold.objects.get(pk=hold.pk).status


# --- Taking seats (rule 1) ---


def test_a_hold_takes_its_seats_at_the_price_of_the_flight(flight: Flight) -> None:
    taken = hold(flight, seats=3)
    assert seats_left(flight) == 177
    assert (taken.status, taken.price, taken.currency) == (HELD, flight.price, "INR")


def test_the_same_hold_again_takes_nothing(flight: Flight) -> None:
    first = hold(flight, seats=3)
    again = holds.hold_seats(
        flight_id=flight.pk, reference=first.reference, no_of_seats=3, expires_at=soon()
    )
    assert not again.created
    assert seats_left(flight) == 177


def test_a_confirmed_hold_again_takes_nothing(flight: Flight) -> None:
    first = hold(flight, seats=3)
    holds.confirm_hold(flight_id=flight.pk, reference=first.reference)
    assert hold(flight, seats=3, reference=first.reference).status == CONFIRMED
    assert seats_left(flight) == 177


def test_the_same_hold_again_keeps_the_price_it_was_made_at(flight: Flight) -> None:
    first = hold(flight)
    Flight.objects.update(price=9000)
    assert hold(flight, reference=first.reference).price == 5000


def test_a_reference_holds_one_number_of_seats(flight: Flight) -> None:
    first = hold(flight, seats=3)
    with pytest.raises(errors.HoldConflict):
        hold(flight, seats=4, reference=first.reference)
    assert seats_left(flight) == 177


def test_a_reference_holds_seats_of_one_flight(
    flight: Flight, make_flight: Callable[..., Flight]
) -> None:
    other = make_flight()
    first = hold(flight)
    with pytest.raises(errors.HoldConflict):
        hold(other, reference=first.reference)
    assert seats_left(other) == 180


def test_a_reference_that_another_flight_takes_at_this_moment_takes_no_seats(
    flight: Flight, make_flight: Callable[..., Flight], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_flight()
    first = hold(flight)
    # As it was when this one looked: the other's hold was not committed yet.
    monkeypatch.setattr(holds, "_now_and_known", lambda reference: (timezone.now(), False))
    with pytest.raises(errors.HoldConflict):
        hold(other, reference=first.reference)
    assert seats_left(other) == 180
    assert seats_left(flight) == 178


def test_a_released_hold_is_never_revived(flight: Flight) -> None:
    first = hold(flight)
    holds.release_holds(references=[first.reference])
    with pytest.raises(errors.HoldReleased):
        hold(flight, reference=first.reference)
    assert seats_left(flight) == 180


def test_a_hold_must_expire_in_the_future(flight: Flight) -> None:
    with pytest.raises(errors.HoldExpired):
        holds.hold_seats(
            flight_id=flight.pk, reference=uuid4(), no_of_seats=1, expires_at=timezone.now()
        )
    assert seats_left(flight) == 180


def test_too_many_seats_are_refused_with_what_remains(make_flight: Callable[..., Flight]) -> None:
    flight = make_flight(total_seats=5)
    hold(flight, seats=3)
    with pytest.raises(errors.SeatsUnavailable) as refused:
        hold(flight, seats=3)
    assert refused.value.members == {"remaining_seats": 2}
    assert seats_left(flight) == 2


def test_the_last_seats_can_be_held(make_flight: Callable[..., Flight]) -> None:
    flight = make_flight(total_seats=5)
    hold(flight, seats=5)
    assert seats_left(flight) == 0


def test_expired_holds_are_given_back_when_seats_are_short(
    make_flight: Callable[..., Flight],
) -> None:
    flight = make_flight(total_seats=5)
    late, standing = hold(flight, seats=2), hold(flight, seats=2)
    expire(late)
    hold(flight, seats=3)
    assert (status_of(late), status_of(standing)) == (RELEASED, HELD)
    assert seats_left(flight) == 0


def test_confirmed_holds_are_not_given_back_when_seats_are_short(
    make_flight: Callable[..., Flight],
) -> None:
    flight = make_flight(total_seats=5)
    paid = hold(flight, seats=3)
    holds.confirm_hold(flight_id=flight.pk, reference=paid.reference)
    expire(paid)
    with pytest.raises(errors.SeatsUnavailable):
        hold(flight, seats=3)
    assert status_of(paid) == CONFIRMED


def test_expired_holds_stand_while_there_are_seats_enough(flight: Flight) -> None:
    late = hold(flight)
    expire(late)
    hold(flight)
    assert status_of(late) == HELD


@pytest.mark.parametrize(
    "change",
    [{"status": "CANCELLED"}, {"departure_time": timezone.now() - timedelta(seconds=1)}],
    ids=["cancelled", "departed"],
)
def test_a_closed_flight_takes_no_holds(flight: Flight, change: dict) -> None:
    Flight.objects.filter(pk=flight.pk).update(**change)
    with pytest.raises(errors.FlightClosed):
        hold(flight)
    assert seats_left(flight) == 180


def test_a_hold_of_no_flight_is_refused(flight: Flight) -> None:
    flight.pk += 1
    with pytest.raises(errors.FlightNotFound):
        hold(flight)


# --- Confirming (rule 2) ---


def test_confirming_keeps_the_seats_for_good(flight: Flight) -> None:
    first = hold(flight, seats=3)
    for _ in range(2):  # repeatable
        held = holds.confirm_hold(flight_id=flight.pk, reference=first.reference)
        assert held.hold.status == CONFIRMED
    assert seats_left(flight) == 177


def test_a_late_hold_is_confirmed_while_nobody_reclaimed_it(flight: Flight) -> None:
    late = hold(flight)
    expire(late)
    holds.confirm_hold(flight_id=flight.pk, reference=late.reference)
    assert status_of(late) == CONFIRMED


def test_a_released_hold_is_not_confirmed(flight: Flight) -> None:
    first = hold(flight)
    holds.release_holds(references=[first.reference])
    with pytest.raises(errors.HoldReleased):
        holds.confirm_hold(flight_id=flight.pk, reference=first.reference)
    assert seats_left(flight) == 180


def test_an_unknown_hold_is_not_confirmed(flight: Flight) -> None:
    with pytest.raises(errors.HoldNotFound):
        holds.confirm_hold(flight_id=flight.pk, reference=uuid4())


def test_a_hold_is_not_confirmed_through_another_flight(
    flight: Flight, make_flight: Callable[..., Flight]
) -> None:
    first = hold(flight)
    with pytest.raises(errors.HoldNotFound):
        holds.confirm_hold(flight_id=make_flight().pk, reference=first.reference)
    assert status_of(first) == HELD


# --- Giving up (rule 3) ---


def test_giving_up_gives_the_seats_back_once(flight: Flight) -> None:
    first = hold(flight, seats=3)
    for _ in range(2):
        holds.give_up_hold(flight_id=flight.pk, reference=first.reference)
    assert status_of(first) == RELEASED
    assert seats_left(flight) == 180


def test_giving_up_leaves_a_confirmed_hold_alone(flight: Flight) -> None:
    first = hold(flight, seats=3)
    holds.confirm_hold(flight_id=flight.pk, reference=first.reference)
    with pytest.raises(errors.HoldConfirmed):
        holds.give_up_hold(flight_id=flight.pk, reference=first.reference)
    assert status_of(first) == CONFIRMED
    assert seats_left(flight) == 177


def test_giving_up_what_is_unknown_does_nothing(flight: Flight) -> None:
    holds.give_up_hold(flight_id=flight.pk, reference=uuid4())
    holds.give_up_hold(flight_id=flight.pk + 1, reference=uuid4())
    assert seats_left(flight) == 180


# --- Releasing for cancelled bookings (rule 4) ---


def test_releasing_gives_back_held_and_confirmed_seats_of_several_flights(
    flight: Flight, make_flight: Callable[..., Flight]
) -> None:
    other = make_flight()
    waiting, paid, third = hold(flight, 3), hold(flight, 4), hold(other, 5)
    kept = hold(other, 7)
    holds.confirm_hold(flight_id=flight.pk, reference=paid.reference)
    references = [waiting.reference, paid.reference, third.reference, uuid4()]
    assert holds.release_holds(references=references) == 3
    assert holds.release_holds(references=references) == 0
    assert (seats_left(flight), seats_left(other)) == (180, 173)
    assert status_of(kept) == HELD


def test_releasing_nothing_is_nothing(flight: Flight) -> None:
    assert holds.release_holds(references=[]) == 0


# --- The reaper (rule 5) ---


def test_the_reaper_takes_expired_holds_and_no_others(flight: Flight) -> None:
    late, paid, standing = hold(flight, 1), hold(flight, 2), hold(flight, 4)
    holds.confirm_hold(flight_id=flight.pk, reference=paid.reference)
    expire(late)
    expire(paid)
    assert holds.release_expired_holds() == 1
    assert [status_of(one) for one in (late, paid, standing)] == [RELEASED, CONFIRMED, HELD]
    assert seats_left(flight) == 174


def test_the_reaper_takes_a_batch_at_a_time(flight: Flight) -> None:
    for _ in range(5):
        expire(hold(flight))
    assert [holds.release_expired_holds(limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert seats_left(flight) == 180


# --- Changing, cancelling and deleting a flight ---


def test_more_seats_are_more_seats_left(flight: Flight) -> None:
    Flight.objects.update(total_seats=100, remaining_seats=100)
    hold(flight, 30)
    with holds.flight_locked(flight_id=flight.pk) as locked:
        holds.change_flight(locked, total_seats=120)
    assert seats_left(flight) == 90


def test_total_seats_may_fall_to_what_is_held(flight: Flight) -> None:
    hold(flight, 30)
    with holds.flight_locked(flight_id=flight.pk) as locked:
        holds.change_flight(locked, total_seats=30)
    assert seats_left(flight) == 0


def test_total_seats_never_fall_below_what_is_held(flight: Flight) -> None:
    hold(flight, 30)
    with (
        pytest.raises(errors.SeatsHeld) as refused,
        holds.flight_locked(flight_id=flight.pk) as locked,
    ):
        holds.change_flight(locked, total_seats=29)
    assert refused.value.members == {"held_seats": 30}
    assert seats_left(flight) == 150


def test_cancelling_closes_a_flight_and_leaves_the_holds_that_are_confirmed(
    flight: Flight,
) -> None:
    unpaid, paid = hold(flight), hold(flight)
    holds.confirm_hold(flight_id=flight.pk, reference=paid.reference)
    for _ in range(2):  # repeatable
        assert holds.cancel_flight(flight_id=flight.pk).status == "CANCELLED"
    assert (status_of(unpaid), status_of(paid)) == (RELEASED, CONFIRMED)
    flight.refresh_from_db()
    assert flight.total_seats - flight.remaining_seats == paid.no_of_seats
    with pytest.raises(errors.FlightClosed):
        hold(flight)
    with pytest.raises(errors.HoldReleased):
        holds.confirm_hold(flight_id=flight.pk, reference=unpaid.reference)


def test_a_departed_flight_is_not_cancelled(flight: Flight) -> None:
    Flight.objects.update(departure_time=timezone.now() - timedelta(seconds=1))
    with pytest.raises(errors.FlightDeparted):
        holds.cancel_flight(flight_id=flight.pk)


@pytest.mark.parametrize("confirmed", [False, True])
def test_a_flight_with_live_holds_is_not_deleted(flight: Flight, confirmed: bool) -> None:
    first = hold(flight)
    if confirmed:
        holds.confirm_hold(flight_id=flight.pk, reference=first.reference)
    with pytest.raises(errors.FlightInUse):
        holds.delete_flight(flight_id=flight.pk)
    assert Flight.objects.filter(pk=flight.pk).exists()


def test_a_flight_without_live_holds_is_deleted(flight: Flight) -> None:
    holds.release_holds(references=[hold(flight).reference])
    holds.delete_flight(flight_id=flight.pk)
    assert not Flight.objects.filter(pk=flight.pk).exists()


# --- Fewer seats, and more time ---


@pytest.mark.parametrize("confirmed", [False, True])
def test_a_hold_shrinks_and_its_seats_are_free(flight: Flight, confirmed: bool) -> None:
    taken = hold(flight, seats=3)
    if confirmed:
        holds.confirm_hold(flight_id=flight.pk, reference=taken.reference)
    shrunk = holds.shrink_hold(flight_id=flight.pk, reference=taken.reference, no_of_seats=1)
    assert (shrunk.hold.no_of_seats, shrunk.flight.remaining_seats) == (1, 179)
    assert seats_left(flight) == 179


def test_a_hold_never_grows_however_late_a_request_comes(flight: Flight) -> None:
    taken = hold(flight, seats=3)
    for seats in (1, 2, 3, 1):
        holds.shrink_hold(flight_id=flight.pk, reference=taken.reference, no_of_seats=seats)
    assert SeatHold.objects.get(pk=taken.pk).no_of_seats == 1
    assert seats_left(flight) == 179


def test_a_shrunk_hold_is_released_with_what_is_left_of_it(flight: Flight) -> None:
    taken = hold(flight, seats=3)
    holds.shrink_hold(flight_id=flight.pk, reference=taken.reference, no_of_seats=2)
    holds.release_holds(references=[taken.reference])
    assert seats_left(flight) == 180


def test_an_extended_hold_outlives_its_first_expiry(flight: Flight) -> None:
    taken = hold(flight)
    expire(taken)
    later = soon() + timedelta(hours=1)
    holds.extend_hold(flight_id=flight.pk, reference=taken.reference, expires_at=later)
    assert holds.release_expired_holds() == 0
    assert SeatHold.objects.get(pk=taken.pk).expires_at == later


def test_an_expiry_never_comes_nearer_however_late_a_request_comes(flight: Flight) -> None:
    taken, later = hold(flight), soon() + timedelta(hours=1)
    for moment in (later, later - timedelta(minutes=30)):
        holds.extend_hold(flight_id=flight.pk, reference=taken.reference, expires_at=moment)
    assert SeatHold.objects.get(pk=taken.pk).expires_at == later


def test_a_released_or_unknown_hold_neither_shrinks_nor_lasts(flight: Flight) -> None:
    gone = hold(flight)
    holds.release_holds(references=[gone.reference])
    for reference, error in ((gone.reference, errors.HoldReleased), (uuid4(), errors.HoldNotFound)):
        with pytest.raises(error):
            holds.shrink_hold(flight_id=flight.pk, reference=reference, no_of_seats=1)
        with pytest.raises(error):
            holds.extend_hold(flight_id=flight.pk, reference=reference, expires_at=soon())
    assert seats_left(flight) == 180
