"""What a traveller is told in a mail, by kind: the same words as plain text and as HTML.

Times are local, at the airport that they are about, with the name of the zone. Amounts have their
currency.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from bookings.models import Booking, Cancellation, Message, Refund
from bookings.states import BookingStatus, CancellationReason, MessageKind, RefundStatus
from common.money import format_amount

PAYABLE = (MessageKind.HELD, MessageKind.EXTENDED)  # mails that ask for money
WHY_CANCELLED = {
    CancellationReason.FLIGHT_CANCELLED: "The airline cancelled your flight, and so your booking"
    " is cancelled. We are sorry.",
    CancellationReason.FLIGHT_MOVED: "The airline moved your flight to another time, and so your"
    " booking is cancelled. We are sorry.",
    CancellationReason.PAYMENT_FAILED: "Your payment could not be collected, and so your booking is"
    " cancelled. Nothing is charged.",
    CancellationReason.SEATS_LOST: "The seats were gone before the payment came through, and so"
    " your booking is cancelled. Nothing is charged.",
}


@dataclass(frozen=True)
class Letter:
    """What is written: a subject of one line, paragraphs, and facts as label and value."""

    subject: str
    paragraphs: list[str]
    facts: list[tuple[str, str]]
    link: str

    def as_text(self) -> str:
        return render_to_string("bookings/mail/letter.txt", {"letter": self})

    def as_html(self) -> str:
        return render_to_string("bookings/mail/letter.html", {"letter": self})


def write(message: Message) -> Letter:
    """The letter of a message, by how its booking is now."""
    booking = message.booking
    topic, *paragraphs = WORDS[MessageKind(message.kind)](message)
    subject = f"{topic}: {booking.flight['flightNumber']} {_route(booking)}, {booking.locator}"
    return Letter(_one_line(subject), paragraphs, _facts(booking), link_to(booking))


def is_overtaken(message: Message) -> bool:
    """Whether things have changed so that the mail would only mislead."""
    booking = message.booking
    if message.kind in PAYABLE:
        payable = booking.status == BookingStatus.INITIATED
        return not payable or booking.payment_deadline <= timezone.now()
    if message.kind in (MessageKind.BOOKED, MessageKind.MOVED):
        return booking.status == BookingStatus.CANCELLED  # another mail says so
    return False


def link_to(booking: Booking) -> str:
    """Where the traveller sees the booking."""
    return settings.SITE_URL + reverse("booking-detail", args=[booking.pk])


# --- What each kind says: the subject, then paragraphs ------------------------------------------


def _held(message: Message) -> list[str]:
    booking = message.booking
    return [
        "Please pay",
        f"{_seats(booking.no_of_seats)} held for you. {_please_pay(booking)}",
    ]


def _booked(message: Message) -> list[str]:
    seats = _seats(message.booking.no_of_seats)
    return ["Booked", f"Your payment of {_cost(message.booking)} has come in: {seats} booked."]


def _extended(message: Message) -> list[str]:
    return ["More time to pay", f"You have more time. {_please_pay(message.booking)}"]


def _expired(message: Message) -> list[str]:
    seats = _seats(message.booking.no_of_seats)
    return [
        "Not paid in time",
        f"Your booking was not paid in time: {seats} given back, and nothing is charged.",
        "You are welcome to book again, as long as there are seats.",
    ]


def _cancelled(message: Message) -> list[str]:
    booking = message.booking
    reason = CancellationReason(booking.cancellation_reason or CancellationReason.USER)
    cancellation = booking.cancellations.filter(pk=message.about).first()
    if cancellation is None:
        return ["Cancelled", WHY_CANCELLED.get(reason, "Your booking is cancelled.")]
    if _is_last(cancellation):
        what = ["Cancelled", WHY_CANCELLED.get(reason, "Your booking is cancelled.")]
    else:
        seats = _seats(cancellation.no_of_seats)
        what = ["Seats cancelled", f"Of your booking, {seats} cancelled. The rest of it stands."]
    return [*what, _what_comes_back(cancellation)]


def _refunded(message: Message) -> list[str]:
    refund = Refund.objects.select_related("attempt").get(pk=message.about)
    amount = _amount(refund.amount, refund.currency)
    if refund.status == RefundStatus.VOIDED:
        return [
            "Not charged",
            f"{amount} that had been reserved for your booking will not be charged.",
        ]
    why = [f"The reason: {_one_line(refund.reason)}"] if refund.reason else []
    return [
        "Refunded",
        f"We have given back {amount}. Your bank may take some days to show it.",
        *why,
    ]


def _rebooked(message: Message) -> list[str]:
    seats = _seats(message.booking.no_of_seats)
    return [
        "Rebooked",
        f"You are on another flight now, at no cost: {seats} booked on the flight below. The seats"
        " on the flight you had are given back.",
    ]


def _moved(message: Message) -> list[str]:
    booking = message.booking
    free = "If that does not suit you: until departure you can cancel, and get everything back."
    return [
        "New times",
        "The airline moved your flight: it leaves or arrives at another time, as below.",
        *([free] if booking.free_to_cancel else []),
    ]


WORDS: dict[MessageKind, Callable[[Message], list[str]]] = {
    MessageKind.HELD: _held,
    MessageKind.BOOKED: _booked,
    MessageKind.EXTENDED: _extended,
    MessageKind.EXPIRED: _expired,
    MessageKind.CANCELLED: _cancelled,
    MessageKind.REFUNDED: _refunded,
    MessageKind.REBOOKED: _rebooked,
    MessageKind.MOVED: _moved,
}


def _please_pay(booking: Booking) -> str:
    by = _local(booking.payment_deadline, booking.flight["departureAirport"])
    utc = f"{booking.payment_deadline.astimezone(UTC):%H:%M} UTC"
    return f"Please pay {_cost(booking)} before {by}, that is {utc}, or the seats go back."


def _is_last(cancellation: Cancellation) -> bool:
    """Whether it was this that ended the booking, and not one of some seats before."""
    booking = cancellation.booking
    later = booking.cancellations.filter(pk__gt=cancellation.pk)
    by_these = booking.cancellation_reason not in (
        CancellationReason.PAYMENT_FAILED,
        CancellationReason.SEATS_LOST,
    )
    return booking.status == BookingStatus.CANCELLED and by_these and not later.exists()


def _what_comes_back(cancellation: Cancellation) -> str:
    rule, currency = cancellation.rule["name"], cancellation.currency
    refund, kept = (_amount(each, currency) for each in (cancellation.refund, cancellation.kept))
    if not cancellation.refund + cancellation.kept:
        return f"Nothing is charged: {rule}."
    if not cancellation.refund:
        return f"Nothing comes back of {kept}, by this rule: {rule}."
    if not cancellation.kept:
        return f"All that the seats cost comes back, {refund}, by this rule: {rule}."
    return f"{refund} comes back, and {kept} does not, by this rule: {rule}."


# --- The facts below ----------------------------------------------------------------------------


def _facts(booking: Booking) -> list[tuple[str, str]]:
    flight = booking.flight
    from_, to = flight["departureAirport"], flight["arrivalAirport"]
    travelling = booking.passengers.filter(cancellation=None)
    names = ", ".join(f"{one.given_names} {one.surname}".strip() for one in travelling)
    facts = [
        ("Booking", booking.locator),
        ("Flight", flight["flightNumber"]),
        ("From", _place(from_)),
        ("Departure", _local(booking.departure_time, from_)),
        ("To", _place(to)),
        ("Arrival", _local(datetime.fromisoformat(flight["arrivalTime"]), to)),
        ("Seats", str(booking.no_of_seats)),
        ("Passengers", names),
        ("Price", _cost(booking)),
    ]
    return [(label, _one_line(value)) for label, value in facts if value]


def _route(booking: Booking) -> str:
    flight = booking.flight
    return f"{flight['departureAirport']['code']}-{flight['arrivalAirport']['code']}"


def _place(airport: dict[str, Any]) -> str:
    return f"{airport['city']}, {airport['name']} ({airport['code']})"


def _local(moment: datetime, airport: dict[str, Any]) -> str:
    """By the clocks at the airport: `Thu 24 Dec 2026, 10:00 IST (Asia/Kolkata)`."""
    zone = airport["timeZone"]
    return f"{moment.astimezone(ZoneInfo(zone)):%a %-d %b %Y, %H:%M %Z} ({zone})"


def _seats(number: int) -> str:
    return "1 seat is" if number == 1 else f"{number} seats are"


def _cost(booking: Booking) -> str:
    return _amount(booking.total_cost, booking.currency)


def _amount(amount: Decimal, currency: str) -> str:
    return f"{format_amount(amount, currency)} {currency}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
