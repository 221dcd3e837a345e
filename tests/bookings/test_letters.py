from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape
from typing import Any

import pytest

from bookings import letters, mail, moves
from bookings.models import Booking, Cancellation, Message, Passenger, Refund
from bookings.states import BookingStatus, CancellationReason, MessageKind, RefundStatus
from tests.bookings.sold import BERLIN, SOLD

pytestmark = pytest.mark.django_db

FACTS = (
    "UK808",
    "Delhi, Indira Gandhi International (DEL)",
    "Berlin, Brandenburg (BER)",
    "Thu 24 Dec 2099, 10:00 IST (Asia/Kolkata)",
    "Thu 24 Dec 2099, 13:30 CET (Europe/Berlin)",
    "Asha Rao, Ravi O'Neil",
    "10000.00 INR",
)
WORDS = {
    MessageKind.HELD: ("2 seats are held for you", "Please pay 10000.00 INR before"),
    MessageKind.BOOKED: ("Your payment of 10000.00 INR has come in: 2 seats are booked.",),
    MessageKind.EXTENDED: ("You have more time. Please pay 10000.00 INR before",),
    MessageKind.EXPIRED: ("not paid in time: 2 seats are given back, and nothing is charged",),
    MessageKind.CANCELLED: ("Your booking is cancelled.",),
    MessageKind.REBOOKED: ("You are on another flight now, at no cost: 2 seats are booked",),
    MessageKind.MOVED: ("it leaves or arrives at another time", "get everything back"),
}


@pytest.fixture
def booking(make_booking: Callable[..., Booking]) -> Booking:
    return make_booking(flight=SOLD)


def set_status(booking: Booking, status: BookingStatus, reason: str = "") -> None:
    booking.status, booking.cancellation_reason = status, reason
    booking.save()


def letter(booking: Booking, kind: MessageKind, about: int = 0) -> letters.Letter:
    return letters.write(Message(booking=booking, kind=kind, about=about))


def everywhere(letter: letters.Letter, *texts: str) -> None:
    """All of `texts` stand in the mail, as plain text and as HTML."""
    for rendered in (letter.as_text(), unescape(letter.as_html())):
        for text in texts:
            assert text in rendered, rendered


def cancel_some(booking: Booking, refund: str, kept: str, seats: int = 1) -> Cancellation:
    return Cancellation.objects.create(
        booking=booking,
        no_of_seats=seats,
        quote=f"q{Cancellation.objects.count()}",
        rule={"name": "24 hours before departure: 80 %"},
        refund=Decimal(refund),
        kept=Decimal(kept),
    )


@pytest.mark.parametrize("kind", WORDS)
def test_each_mail_says_what_happened_and_all_that_a_traveller_needs(
    booking: Booking, kind: MessageKind, settings: Any
) -> None:
    settings.SITE_URL = "https://seathold.example"
    booking.free_to_cancel = True
    for given_names, surname in (("Asha", "Rao"), ("Ravi", "O'Neil")):
        Passenger.objects.create(booking=booking, given_names=given_names, surname=surname)
    written = letter(booking, kind)
    link = f"https://seathold.example/api/v1/bookings/{booking.pk}/"
    everywhere(written, *WORDS[kind], *FACTS, booking.locator, link)
    assert written.subject.endswith(f": UK808 DEL-BER, {booking.locator}")
    assert "src=" not in written.as_html(), "nothing is loaded from elsewhere"


def test_every_kind_has_its_words() -> None:
    assert set(letters.WORDS) == set(MessageKind)
    assert set(WORDS) | {MessageKind.REFUNDED} == set(MessageKind)


def test_the_deadline_is_told_by_the_clocks_at_the_airport_and_in_utc(booking: Booking) -> None:
    booking.payment_deadline = datetime(2099, 12, 23, 20, 15, 59, tzinfo=UTC)
    everywhere(
        letter(booking, MessageKind.HELD),
        "before Thu 24 Dec 2099, 01:45 IST (Asia/Kolkata), that is 20:15 UTC",
    )


def test_the_hour_that_comes_twice_is_told_apart_by_the_zone(booking: Booking) -> None:
    booking.flight = {
        **SOLD,
        "departureAirport": BERLIN,
        "departureTime": "2026-10-25T00:30:00Z",
        "arrivalTime": "2026-10-25T01:30:00Z",
    }
    everywhere(
        letter(booking, MessageKind.BOOKED),
        "Sun 25 Oct 2026, 02:30 CEST (Europe/Berlin)",
        "Sun 25 Oct 2026, 02:30 CET (Europe/Berlin)",
    )


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [("10500", "JPY", "10500 JPY"), ("10.5", "EUR", "10.50 EUR"), ("1.005", "KWD", "1.005 KWD")],
)
def test_amounts_have_as_many_decimals_as_their_currency(
    booking: Booking, amount: str, currency: str, shown: str
) -> None:
    booking.total_cost, booking.currency = Decimal(amount), currency
    everywhere(letter(booking, MessageKind.HELD), shown)


def test_cancelling_some_seats_says_how_many_what_comes_back_and_by_which_rule(
    booking: Booking,
) -> None:
    some = cancel_some(booking, "4000", "1000")
    everywhere(
        letter(booking, MessageKind.CANCELLED, some.pk),
        "Of your booking, 1 seat is cancelled. The rest of it stands.",
        "4000.00 INR comes back, and 1000.00 INR does not, by this rule: 24 hours before",
    )


def test_the_last_cancellation_ends_the_booking_and_those_before_it_do_not(
    booking: Booking,
) -> None:
    some, rest = cancel_some(booking, "0", "5000"), cancel_some(booking, "5000", "0")
    set_status(booking, BookingStatus.CANCELLED, CancellationReason.FLIGHT_CANCELLED)
    everywhere(
        letter(booking, MessageKind.CANCELLED, some.pk),
        "1 seat is cancelled",
        "Nothing comes back of 5000.00 INR",
    )
    everywhere(
        letter(booking, MessageKind.CANCELLED, rest.pk),
        "The airline cancelled your flight",
        "All that the seats cost comes back, 5000.00 INR",
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (CancellationReason.PAYMENT_FAILED, "Your payment could not be collected"),
        (CancellationReason.SEATS_LOST, "The seats were gone before the payment came through"),
    ],
)
def test_a_booking_that_fell_through_says_that_nothing_is_charged(
    booking: Booking, reason: CancellationReason, words: str
) -> None:
    set_status(booking, BookingStatus.CANCELLED, reason)
    everywhere(letter(booking, MessageKind.CANCELLED), words, "Nothing is charged.")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (RefundStatus.REFUNDED, "We have given back 400.00 INR."),
        (RefundStatus.VOIDED, "400.00 INR that had been reserved for your booking will not be"),
    ],
)
def test_a_refund_says_how_much_and_a_void_that_it_is_not_charged(
    booking: Booking, status: RefundStatus, words: str
) -> None:
    attempt = moves.start_attempt(booking, idempotency_key="k", payment_method="tok_visa")
    refund = Refund.objects.create(attempt=attempt, amount=Decimal(400), status=status)
    everywhere(letter(booking, MessageKind.REFUNDED, refund.pk), words)


def test_names_can_write_neither_headers_nor_lines_nor_markup(booking: Booking) -> None:
    Passenger.objects.create(
        booking=booking, given_names="A\r\nBcc: all@example.com", surname="<b>Rao</b>"
    )
    booking.flight = {**SOLD, "flightNumber": "UK808\r\nBcc: all@example.com"}
    message = Message(booking=booking, kind=MessageKind.BOOKED)
    raw = mail.compose(message, "asha@example.com").message()
    assert raw["Bcc"] is None
    assert [line for line in raw.as_string().splitlines() if line.startswith("Bcc")] == []
    assert "<b>" not in letters.write(message).as_html()


def test_mails_say_that_a_program_wrote_them_and_have_both_forms(booking: Booking) -> None:
    message = Message(booking=booking, kind=MessageKind.BOOKED)
    raw = mail.compose(message, "asha@example.com").message()
    assert raw["Auto-Submitted"] == "auto-generated"
    assert raw["Message-ID"] == f"<{message.key}@localhost>"
    assert [part.get_content_type() for part in list(raw.walk())[1:]] == ["text/plain", "text/html"]
