"""What the model knows about the world: the rows of three services, who works, what is on its way.

The names are those of the code: `bookings.states`, `flights.states`, `payments.states`.
"""

from typing import NamedTuple

# BookingStatus
INITIATED, BOOKED, CANCELLED = "INITIATED", "BOOKED", "CANCELLED"
# AttemptStatus
PROCESSING, AUTHORIZED, CAPTURED = "PROCESSING", "AUTHORIZED", "CAPTURED"
VOIDED, DECLINED, REFUNDED = "VOIDED", "DECLINED", "REFUNDED"
# HoldStatus
HELD, CONFIRMED, RELEASED = "HELD", "CONFIRMED", "RELEASED"
# PaymentStatus
REQUIRES_CAPTURE, SUCCEEDED, CANCELED, FAILED = (
    "REQUIRES_CAPTURE",
    "SUCCEEDED",
    "CANCELED",
    "FAILED",
)
# OutboxKind
RELEASE, CAPTURE, VOID, GIVE_BACK = "RELEASE", "CAPTURE", "VOID", "GIVE_BACK"

NONE = ""  # there is no such row

BOOKING_STATES = (INITIATED, BOOKED, CANCELLED)
ATTEMPT_STATES = (PROCESSING, AUTHORIZED, CAPTURED, VOIDED, DECLINED, REFUNDED)
HOLD_STATES = (HELD, CONFIRMED, RELEASED)
PAYMENT_STATES = (REQUIRES_CAPTURE, SUCCEEDED, CANCELED, FAILED)
OUTBOX_KINDS = (RELEASE, CAPTURE, VOID, GIVE_BACK)


class Attempt(NamedTuple):
    """A PaymentAttempt, its messages in the outbox, and what the provider has under its key."""

    status: str = PROCESSING
    outbox: frozenset[str] = frozenset()
    payment: str = NONE
    refunded: bool = False
    never_captured: bool = False  # the bank refuses every capture of this payment
    refused: bool = False  # voided because its capture was refused, and for nothing else


class Process(NamedTuple):
    """Something that runs: where it stands (see steps.py), and the attempt it works on."""

    step: str
    attempt: int = 0


class Request(NamedTuple):
    """A request to another service, about an attempt where it is about money."""

    kind: str
    attempt: int = 0


class Sale(NamedTuple):
    """A booking of one seat, and all that belongs to it, wherever it is kept."""

    attempts_left: int
    asked: bool = False  # the traveller has sent POST /bookings/
    # bookings
    status: str = NONE
    paying_since: bool = False
    deadline_over: bool = False  # by the clock of bookings' database
    release: bool = False  # RELEASE is in the outbox
    attempts: tuple[Attempt, ...] = ()
    # flights
    hold: str = NONE
    hold_expired: bool = False  # by the clock of flights' database
    # processes, and requests that will arrive though nobody waits for their answer
    running: tuple[Process, ...] = ()
    late: tuple[Request, ...] = ()


class Outcome(NamedTuple):
    """What one step can lead to.

    `seats` is added to the flight's remaining seats: -1 can only be where a seat is left or can be
    reclaimed, and `when_full` only where none is. A `fault` can happen, but need not.
    """

    what: str
    sale: Sale
    seats: int = 0
    when_full: bool = False
    fault: bool = False


def change_attempt(sale: Sale, number: int, **changes: object) -> Sale:
    """`sale` with `changes` in one of its attempts."""
    attempts = list(sale.attempts)
    attempts[number] = attempts[number]._replace(**changes)  # type: ignore[arg-type]
    return sale._replace(attempts=tuple(attempts))


def add_message(sale: Sale, number: int, kind: str) -> Sale:
    """`sale` with a message about an attempt in the outbox."""
    return change_attempt(sale, number, outbox=sale.attempts[number].outbox | {kind})


def delete_message(sale: Sale, number: int, kind: str) -> Sale:
    """`sale` without that message; it may be gone already."""
    return change_attempt(sale, number, outbox=sale.attempts[number].outbox - {kind})


def go_on(sale: Sale, step: str, number: int = 0) -> Sale:
    """`sale` with one more process, at `step`; no step is the end of a process."""
    if not step:
        return sale
    return sale._replace(running=tuple(sorted((*sale.running, Process(step, number)))))


def send_late(sale: Sale, request: Request) -> Sale:
    """`sale` with `request` on its way, without anybody waiting."""
    return sale._replace(late=tuple(sorted({*sale.late, request})))
