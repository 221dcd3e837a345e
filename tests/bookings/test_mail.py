import smtplib
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core import mail as django_mail
from django.core.mail import EmailMultiAlternatives
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from bookings import cancelling, mail, moves, outbox, services
from bookings.models import Booking, Message
from bookings.states import BookingStatus, MessageKind
from bookings.tasks import send_messages
from common.breaker import CircuitBreaker
from tests.bookings.others import OtherServices
from tests.bookings.smtp import MailServer
from tests.bookings.sold import SOLD
from tests.people import make_staff
from tests.threads import run_at_once

pytestmark = pytest.mark.django_db


class Server:
    """The mail server's end of `get_connection()`: what it took, and what it has against it."""

    def __init__(self) -> None:
        self.trouble: Exception | None = None
        self.refusal: Exception | None = None
        self.taken: list[EmailMultiAlternatives] = []
        self.opened = self.closed = 0

    def open(self) -> None:
        self.opened += 1
        if self.trouble:
            raise self.trouble

    def send_messages(self, mails: list[EmailMultiAlternatives]) -> None:
        if self.refusal:
            raise self.refusal
        self.taken += mails

    def close(self) -> None:
        self.closed += 1


@pytest.fixture(autouse=True)
def fresh_breaker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "server", CircuitBreaker(failures_to_open=1, open_seconds=20))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(mail, "get_connection", lambda: server)
    return server


@pytest.fixture
def sent() -> list[Any]:
    return django_mail.outbox


@pytest.fixture
def booking(make_booking: Callable[..., Booking]) -> Booking:
    return make_booking(flight=SOLD)


def due_again() -> None:
    Message.objects.update(due_at=timezone.now() - timedelta(seconds=1))


# --- Who is told, and when ----------------------------------------------------------------------


def test_each_change_of_state_is_told_once_and_in_order(
    booking: Booking, others: OtherServices, sent: list[Any]
) -> None:
    others.authorise()
    others.confirm()
    others.capture()
    others.release()
    others.void("already_captured", 409)
    others.refund()
    moves.tell(booking, MessageKind.HELD)
    assert send_messages() == 1
    services.pay(booking_id=booking.pk, key="k", payment_method="tok_visa")
    assert send_messages() == 1
    cancelling.cancel(booking_id=booking.pk)
    while outbox.relay():
        pass
    while send_messages():
        pass
    subjects = [one.subject.split(":")[0] for one in sent]
    assert subjects == ["Please pay", "Booked", "Cancelled", "Refunded"]
    assert {tuple(one.to) for one in sent} == {("asha@example.com",)}


def test_what_is_cancelled_by_now_is_not_said_to_be_booked(
    booking: Booking, sent: list[Any]
) -> None:
    moves.tell(booking, MessageKind.BOOKED)
    cancelling.cancel(booking_id=booking.pk)
    send_messages()
    send_messages()
    assert [one.subject.split(":")[0] for one in sent] == ["Cancelled"]


def test_who_was_promised_money_back_that_was_never_taken_is_told_so(
    booking: Booking, others: OtherServices, sent: list[Any]
) -> None:
    others.authorise()
    others.confirm()
    others.capture("x", 503)
    services.pay(booking_id=booking.pk, key="k", payment_method="tok_visa")
    [capture] = booking.outbox.all()
    cancelling.cancel(booking_id=booking.pk)
    others.mock.reset()
    others.capture("capture_refused", 409)
    others.void()
    outbox._deliver(capture, outbox._capture)  # it was on its way already
    while send_messages():
        pass
    assert [one.subject.split(":")[0] for one in sent] == ["Cancelled", "Not charged"]


def test_the_contact_of_the_booking_is_told_before_the_user(
    booking: Booking, sent: list[Any]
) -> None:
    Booking.objects.update(contact_email="family@example.com")
    moves.tell(booking, MessageKind.HELD)
    send_messages()
    assert sent[0].to == ["family@example.com"]


def test_with_nobody_to_tell_it_is_given_up_quietly(
    booking: Booking, sent: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    User.objects.update(email="")
    moves.tell(booking, MessageKind.HELD)
    send_messages()
    assert sent == []
    assert Message.objects.get().given_up_at is not None
    assert caplog.records == []


@pytest.mark.parametrize("kind", [MessageKind.HELD, MessageKind.EXTENDED])
def test_nobody_is_asked_to_pay_what_can_not_be_paid_any_more(
    make_booking: Callable[..., Booking], sent: list[Any], kind: MessageKind
) -> None:
    late = make_booking(flight=SOLD, payment_deadline=timezone.now() - timedelta(seconds=1))
    paid = make_booking(flight=SOLD, status=BookingStatus.BOOKED)
    for booking in (late, paid):
        moves.tell(booking, kind)
    send_messages()
    assert sent == []
    assert {one.last_error for one in Message.objects.all()} == {"overtaken by events"}


def test_a_later_mail_waits_for_an_earlier_one_of_its_booking(
    booking: Booking, make_booking: Callable[..., Booking], server: Server
) -> None:
    moves.tell(booking, MessageKind.REBOOKED, about=1)
    moves.tell(booking, MessageKind.REBOOKED, about=2)
    moves.tell(make_booking(flight=SOLD), MessageKind.HELD)
    first, second, other = Message.objects.order_by("pk")
    Message.objects.filter(pk=first.pk).update(due_at=timezone.now() + timedelta(minutes=1))
    assert mail.send_due() == 1
    assert Message.objects.get(sent_at__isnull=False) == other
    due_again()
    assert mail.send_due() == 2
    ids = [one.extra_headers["Message-ID"] for one in server.taken[1:]]
    assert [str(one.key) in id_ for one, id_ in zip((first, second), ids, strict=True)] == [
        True
    ] * 2
    assert server.closed == 2


# --- Once, and surely ---------------------------------------------------------------------------


def test_two_workers_at_once_send_each_mail_once(
    transactional_db: None, make_booking: Callable[..., Booking], sent: list[Any]
) -> None:
    for _ in range(30):
        moves.tell(make_booking(flight=SOLD), MessageKind.HELD)
    assert sum(run_at_once(mail.send_due, mail.send_due)) == 30
    assert len({one.extra_headers["Message-ID"] for one in sent}) == len(sent) == 30


def test_what_a_worker_that_died_had_claimed_is_sent_when_the_claim_runs_out(
    booking: Booking, sent: list[Any]
) -> None:
    moves.tell(booking, MessageKind.HELD)
    assert mail._claim() is not None
    assert mail.send_due() == 0, "nobody knows yet"
    due_again()
    assert mail.send_due() == 1
    assert len(sent) == 1


def test_what_may_have_been_sent_already_goes_again_under_the_same_id(
    booking: Booking, sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*args: Any) -> None:
        raise SystemExit

    moves.tell(booking, MessageKind.HELD)
    with monkeypatch.context() as patch:
        patch.setattr(mail, "_sent", die)
        with pytest.raises(SystemExit):
            mail.send_due()
    due_again()
    mail.send_due()
    assert len(sent) == 2
    assert len({one.extra_headers["Message-ID"] for one in sent}) == 1


TROUBLES = [
    ConnectionRefusedError("nobody there"),
    TimeoutError("too late"),
    smtplib.SMTPServerDisconnected("gone"),
    smtplib.SMTPAuthenticationError(535, b"wrong password"),
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: type(trouble).__name__)
def test_while_the_mail_server_is_down_all_wait_and_none_is_given_up(
    booking: Booking, make_booking: Callable[..., Booking], server: Server, trouble: Exception
) -> None:
    for one in (booking, make_booking(flight=SOLD)):
        moves.tell(one, MessageKind.HELD)
    server.trouble = trouble
    for _ in range(mail.REFUSALS_TO_GIVE_UP + 1):
        due_again()
        mail.server.succeeded()
        assert mail.send_due() == 0
    assert mail.waiting().count() == 2
    assert server.opened == mail.REFUSALS_TO_GIVE_UP + 1, "one try a round"
    server.trouble = None
    due_again()
    mail.server.succeeded()
    assert mail.send_due() == 2
    assert len(server.taken) == 2


def test_a_server_that_is_down_is_left_alone_for_a_while(booking: Booking, server: Server) -> None:
    moves.tell(booking, MessageKind.HELD)
    server.trouble = ConnectionRefusedError()
    mail.send_due()
    due_again()
    assert mail.send_due() == 0
    assert server.opened == 1


REFUSALS = [
    smtplib.SMTPRecipientsRefused({"asha@example.com": (550, b"no such user")}),
    smtplib.SMTPDataError(451, b"later"),
    ValueError("an address that is none"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: type(refusal).__name__)
def test_a_mail_that_is_refused_is_tried_later_and_at_last_given_up(
    booking: Booking,
    make_booking: Callable[..., Booking],
    server: Server,
    refusal: Exception,
) -> None:
    moves.tell(booking, MessageKind.HELD)
    server.refusal = refusal
    assert mail.send_due() == 1
    message = Message.objects.get()
    assert 5 <= (message.due_at - timezone.now()).total_seconds() + 1 <= 11
    assert (message.tries, message.given_up_at) == (1, None)
    assert "asha" not in message.last_error
    for _ in range(mail.REFUSALS_TO_GIVE_UP - 1):
        due_again()
        mail.send_due()
    message.refresh_from_db()
    assert message.given_up_at is not None
    server.refusal = None
    moves.tell(make_booking(flight=SOLD), MessageKind.HELD)
    due_again()
    assert mail.send_due() == 1, "what was given up keeps nobody waiting"


def test_pauses_grow_and_are_bounded(booking: Booking, server: Server) -> None:
    moves.tell(booking, MessageKind.HELD)
    server.refusal = REFUSALS[1]
    Message.objects.update(tries=mail.REFUSALS_TO_GIVE_UP - 2)
    mail.send_due()
    pause = (Message.objects.get().due_at - timezone.now()).total_seconds()
    assert 600 < pause <= mail.LONGEST_PAUSE


def test_a_worker_stops_in_time_for_others(
    booking: Booking, make_booking: Callable[..., Booking], server: Server
) -> None:
    for one in (booking, make_booking(flight=SOLD)):
        moves.tell(one, MessageKind.HELD)
    assert mail.send_due(seconds=0) == 0
    assert server.taken == []


# --- To a real server -----------------------------------------------------------------------------


@pytest.fixture
def smtp(settings: Any) -> Iterator[MailServer]:
    with MailServer() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address[:2]
        settings.EMAIL_TIMEOUT = 5
        yield server


def test_many_mails_go_over_one_connection_and_who_is_refused_holds_up_nobody(
    make_booking: Callable[..., Booking], smtp: MailServer
) -> None:
    for name in ("asha", "nobody", "ravi"):
        booking = make_booking(flight=SOLD, contact_email=f"{name}@example.com")
        moves.tell(booking, MessageKind.HELD)
    smtp.unknown = "nobody@example.com"
    assert mail.send_due() == 3
    assert smtp.connections == 1
    assert [to for to, _ in smtp.taken] == ["asha@example.com", "ravi@example.com"]
    assert "Auto-Submitted: auto-generated" in smtp.taken[0][1]
    [refused] = mail.waiting()
    assert (refused.tries, refused.last_error) == (1, "SMTPRecipientsRefused")


def test_a_server_that_hangs_up_is_no_fault_of_the_mail(booking: Booking, smtp: MailServer) -> None:
    moves.tell(booking, MessageKind.HELD)
    smtp.hangs_up = True
    assert mail.send_due() == 0
    message = Message.objects.get()
    assert (message.tries, message.last_error) == (0, "SMTPServerDisconnected")
    smtp.hangs_up = False
    mail.server.succeeded()
    due_again()
    assert mail.send_due() == 1
    assert len(smtp.taken) == 1


# --- By hand ------------------------------------------------------------------------------------


def test_send_messages_sends_all_that_is_due_and_fails_while_some_are_left(
    booking: Booking, make_booking: Callable[..., Booking], server: Server
) -> None:
    def run() -> str:
        out = StringIO()
        call_command("send_messages", stdout=out)
        return out.getvalue()

    moves.tell(booking, MessageKind.HELD)
    assert run() == "1 messages dealt with, 0 left.\n"
    server.trouble = ConnectionRefusedError()
    moves.tell(make_booking(flight=SOLD), MessageKind.HELD)
    with pytest.raises(CommandError, match="1 messages wait"):
        run()


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(make_staff("support"))
    return client


def act(client: Client, *messages: Message) -> str:
    url = reverse("admin:bookings_message_changelist")
    data = {"action": "send_again", "_selected_action": [one.pk for one in messages]}
    return client.post(url, data, follow=True).content.decode()


def test_staff_see_a_booking_s_messages_and_have_one_sent_again_under_a_new_id(
    admin: Client, booking: Booking, sent: list[Any]
) -> None:
    moves.tell(booking, MessageKind.HELD)
    mail.send_due()
    page = admin.get(reverse("admin:bookings_booking_change", args=[booking.pk]))
    assert "seats are held, please pay" in page.content.decode()
    assert "1 messages are sent again" in act(admin, Message.objects.get())
    mail.send_due()
    first, second = (one.extra_headers["Message-ID"] for one in sent)
    assert first != second


def test_what_waits_to_be_sent_is_not_sent_again(admin: Client, booking: Booking) -> None:
    moves.tell(booking, MessageKind.HELD)
    before = Message.objects.get()
    assert "0 messages are sent again" in act(admin, before)
    assert Message.objects.get().key == before.key


def test_a_mail_sent_again_while_it_is_being_sent_goes_twice(
    booking: Booking, monkeypatch: pytest.MonkeyPatch, sent: list[Any]
) -> None:
    moves.tell(booking, MessageKind.HELD)
    claimed = mail._claim()
    assert claimed is not None
    Message.objects.update(given_up_at=timezone.now())
    mail.send_again(Message.objects.all())
    mail._sent(claimed)
    assert Message.objects.get().sent_at is None, "that was the other one"


def test_who_may_only_look_may_not_send(client: Client, booking: Booking) -> None:
    client.force_login(make_staff("finance", "fin"))
    moves.tell(booking, MessageKind.HELD)
    mail.send_due()
    assert "are sent again" not in act(client, Message.objects.get())


def test_no_lock_is_held_while_the_mail_server_is_waited_for(
    transactional_db: None, make_booking: Callable[..., Booking], monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = make_booking(flight=SOLD)
    moves.tell(booking, MessageKind.HELD)
    server = Server()

    def take(mails: list[Any]) -> None:
        [locked] = run_at_once(lambda: Message.objects.update(tries=7))
        assert locked == 1

    monkeypatch.setattr(server, "send_messages", take)
    monkeypatch.setattr(mail, "get_connection", lambda: server)
    assert mail.send_due() == 1
    assert Message.objects.get().sent_at is not None
