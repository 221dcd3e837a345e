from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from bookings import cancelling, services
from bookings.models import Booking, OutboxMessage, PaymentAttempt
from tests.bookings.others import DOWN, OtherServices, provider_payment

pytestmark = pytest.mark.django_db


def run(command: str) -> str:
    out = StringIO()
    call_command(command, stdout=out)
    return out.getvalue()


def test_expire_bookings_expires_and_says_how_many(make_booking: Callable[..., Booking]) -> None:
    make_booking(payment_deadline=timezone.now() - timedelta(seconds=1))
    assert run("expire_bookings") == "1 bookings expired.\n"
    assert run("expire_bookings") == "0 bookings expired.\n"


def test_relay_outbox_fails_while_messages_are_left(
    booking: Booking, others: OtherServices
) -> None:
    cancelling.cancel(booking_id=booking.pk)
    others.release(DOWN)
    with pytest.raises(CommandError, match="1 messages wait for another try, 0 are dead"):
        run("relay_outbox")
    OutboxMessage.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    others.mock.reset()
    others.release()
    assert run("relay_outbox") == "1 messages dealt with, 0 left.\n"


def test_reconcile_payments_fails_while_a_service_can_not_be_asked(
    booking: Booking, others: OtherServices
) -> None:
    services._start_attempt(
        booking_id=booking.pk, key="k", payment_method="tok_visa", total_cost=None
    )
    PaymentAttempt.objects.update(created_at=timezone.now() - timedelta(hours=1))
    others.mock.add("GET", "http://127.0.0.1:8002/api/v1/payments/", body=DOWN)
    with pytest.raises(CommandError, match="1 payments could not be finished now"):
        run("reconcile_payments")
    others.mock.reset()
    others.find(provider_payment(status="FAILED"))
    assert run("reconcile_payments") == "1 payments finished.\n"
