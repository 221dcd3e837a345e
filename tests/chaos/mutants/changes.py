"""The mutants, each a function named after it that stands in for one of the code's own."""

import contextlib
import os
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from bookings import clients, services
from bookings.models import Booking, PaymentAttempt
from bookings.states import BookingStatus
from common.errors import ServiceUnavailable
from flights import errors, holds
from flights.models import Flight, SeatHold
from payments import services as provider
from payments.models import Payment

CHOSEN = Path(os.environ["MUTANT_FILE"])


def instead_of(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Have `owner.name` be the mutant that is decorated, while that is chosen.

    The mutant gets the original as its first argument.
    """
    original = getattr(owner, name)

    def put(mutant: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def either(*args: Any, **kwargs: Any) -> Any:
            if CHOSEN.read_text() == mutant.__name__:
                return mutant(original, *args, **kwargs)
            return original(*args, **kwargs)

        setattr(owner, name, either)
        return mutant

    return put


@instead_of(holds, "hold_seats")
def holds_by_read_modify_write(original: Any, *, flight_id: int, **wanted: Any) -> Any:
    """Seats are counted in Python, without the Flight's lock; the test drops the CHECK."""
    flight = Flight.objects.with_details().get(pk=flight_id)
    if flight.remaining_seats < wanted["no_of_seats"]:
        raise errors.SeatsUnavailable(remaining_seats=flight.remaining_seats)
    time.sleep(0.02)
    flight.remaining_seats -= wanted["no_of_seats"]
    flight.save(update_fields=["remaining_seats"])
    sold_at = {"price": flight.price, "currency": flight.currency}
    hold = SeatHold.objects.create(flight=flight, **sold_at, **wanted)
    return holds.HeldSeats(hold, flight, created=True)


@instead_of(type(Booking.objects.all()), "overdue")
def sweep_without_its_re_check(original: Any, bookings: QuerySet[Booking]) -> QuerySet[Booking]:
    """What was overdue when it looked is swept, though it is paid by then."""
    late = bookings.filter(status=BookingStatus.INITIATED, payment_deadline__lte=Now())
    overdue = bookings.filter(pk__in=list(late.values_list("pk", flat=True)))
    while overdue.filter(paying_since__isnull=False).exists():
        time.sleep(0.05)
    return overdue


@instead_of(services, "_book")
def capture_before_the_commit(original: Any, attempt: PaymentAttempt, provider_id: int) -> bool:
    clients.payments().capture(payment_id=provider_id)
    return bool(original(attempt, provider_id))


@instead_of(clients.FlightsClient, "release")
def lost_release(original: Any, *arguments: Any, **named: Any) -> None:
    """Told once, whether anybody hears it or not."""
    with contextlib.suppress(ServiceUnavailable):
        original(*arguments, **named)


@instead_of(provider, "void_by_key")
@transaction.atomic
def forgotten_void(original: Any, **named: Any) -> Payment:
    """Answered like any other, and not kept."""
    payment: Payment = original(**named)
    transaction.set_rollback(True)
    return payment
