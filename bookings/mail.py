"""Mail to travellers, from the rows that were written with what it tells of (`Message`).

At least once, by any number of workers at once: a message is claimed by moving its `due_at` into
the future, so that no lock is held while the mail server is waited for, and one whose sender died
falls due again, under the same Message-ID. Those of one booking go in the order in which they were
written.
"""

import logging
import random
import smtplib
import time
from collections.abc import Iterator
from datetime import timedelta
from email.utils import parseaddr
from uuid import uuid4

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from bookings import letters
from bookings.models import Message
from common.breaker import CircuitBreaker
from common.database import ClockTimestamp
from common.log import event

logger = logging.getLogger(__name__)

REFUSALS_TO_GIVE_UP = 10  # of one mail: a good hour
LONGEST_PAUSE = 1800.0  # seconds between two tries of a mail that is refused
PER_CONNECTION = 100  # mails: servers close connections that never end

# A server that can't be reached costs a worker its time-out once in a while, and no more.
server = CircuitBreaker(failures_to_open=1, open_seconds=20)

WAITING = Q(sent_at__isnull=True, given_up_at__isnull=True)


def send_due(*, seconds: float = float("inf")) -> int:
    """Send what is due, over one connection, for up to about `seconds`.

    Returns how many messages were dealt with: sent, given up, or refused and put off. 0: nothing
    is due, or the server can't be reached.
    """
    if not server.allows():
        return 0
    dealt_with = 0
    connection = get_connection()
    try:
        for message in _due_messages(time.monotonic() + seconds):
            if not _deal_with(message, connection):
                break
            dealt_with += 1
    finally:
        connection.close()
    return dealt_with


def send_again(messages: QuerySet[Message]) -> int:
    """Have messages sent again that are done with, sent or given up; return how many.

    Under a new Message-ID: the traveller's mail program must not take it for what it has.
    """
    again = 0
    for message in messages.exclude(WAITING):
        again += Message.objects.filter(pk=message.pk, key=message.key).update(
            key=uuid4(),
            due_at=ClockTimestamp(),
            tries=0,
            last_error="",
            sent_at=None,
            given_up_at=None,
        )
    return again


def waiting() -> QuerySet[Message]:
    """Messages that are neither sent nor given up."""
    return Message.objects.filter(WAITING)


def compose(message: Message, to: str) -> EmailMultiAlternatives:
    """The mail of a message (RFC 5322), in text and HTML, that nobody's program answers."""
    letter = letters.write(message)
    _, sender = parseaddr(settings.DEFAULT_FROM_EMAIL)
    mail = EmailMultiAlternatives(
        subject=letter.subject,
        body=letter.as_text(),
        to=[to],
        headers={
            "Message-ID": f"<{message.key}@{sender.rpartition('@')[2]}>",
            "Auto-Submitted": "auto-generated",  # RFC 3834
        },
    )
    mail.attach_alternative(letter.as_html(), "text/html")
    return mail


def claim_seconds() -> float:
    """How long a claim lasts: longer than sending one mail takes, with all that SMTP asks."""
    return 10.0 * settings.EMAIL_TIMEOUT


def _due_messages(until: float) -> Iterator[Message]:
    for _ in range(PER_CONNECTION):
        if time.monotonic() >= until or (message := _claim()) is None:
            return
        yield message


@transaction.atomic(durable=True)
def _claim() -> Message | None:
    """The message that is due for longest and that nobody else is sending, ours for a while."""
    before = waiting().filter(booking=OuterRef("booking"), pk__lt=OuterRef("pk"))
    due = waiting().filter(~Exists(before), due_at__lte=Now()).order_by("due_at")
    claimed = due.select_for_update(skip_locked=True, of=("self",)).first()
    if claimed is not None:
        _update(claimed, due_at=ClockTimestamp() + timedelta(seconds=claim_seconds()))
    return claimed


def _deal_with(message: Message, connection: BaseEmailBackend) -> bool:
    """Send a message, or say why not. False: the server can't be reached, come back later."""
    booking = message.booking
    to = booking.contact_email or booking.user.email
    if not to:
        _give_up(message, "nobody to send it to")
    elif letters.is_overtaken(message):
        _give_up(message, "overtaken by events")
    else:
        return _send(message, to, connection)
    return True


def _send(message: Message, to: str, connection: BaseEmailBackend) -> bool:
    try:
        connection.open()
    except OSError as error:  # SMTP's errors are OSErrors, too
        return _cut_off(message, error)
    try:
        connection.send_messages([compose(message, to)])
    except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
        _refused(message, error)
    except OSError as error:
        return _cut_off(message, error)
    except Exception as error:  # a mail that can't be written must not keep others waiting
        logger.exception("message %s could not be written", message.pk)
        _refused(message, error)
    else:
        _sent(message)
    server.succeeded()
    return True


def _sent(message: Message) -> None:
    _update(message, sent_at=ClockTimestamp(), tries=F("tries") + 1, last_error="")
    event("message.sent", booking=message.booking_id, kind=message.kind)


def _give_up(message: Message, why: str) -> None:
    _update(message, given_up_at=ClockTimestamp(), last_error=why)


def _cut_off(message: Message, error: OSError) -> bool:
    """No fault of the message: it is not counted against it."""
    server.failed()
    logger.warning("the mail server can't be reached: %s", type(error).__name__)
    pause = server.open_seconds * random.uniform(0.5, 1)  # noqa: S311
    _update(message, due_at=_in(pause), last_error=type(error).__name__)
    return False


def _refused(message: Message, error: Exception) -> None:
    """Exponential pauses with jitter; given up when it is refused again and again."""
    tries = message.tries + 1
    pause = min(LONGEST_PAUSE, 5 * 2.0**tries) * random.uniform(0.5, 1)  # noqa: S311
    # What the server says may name the address, which is nobody's business here.
    code = getattr(error, "smtp_code", "")
    changes = {"due_at": _in(pause), "last_error": f"{type(error).__name__} {code}".strip()}
    if tries >= REFUSALS_TO_GIVE_UP:
        changes["given_up_at"] = ClockTimestamp()
        logger.warning("message %s (%s) is given up", message.pk, message.kind)
    _update(message, tries=tries, **changes)


def _in(seconds: float) -> object:
    return ClockTimestamp() + timedelta(seconds=seconds)


def _update(message: Message, **changes: object) -> None:
    """Unless somebody had it sent again meanwhile: that is a message of its own."""
    Message.objects.filter(pk=message.pk, key=message.key).update(**changes)
