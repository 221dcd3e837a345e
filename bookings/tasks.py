"""Nudges and clockwork: each looks at the rows that are due. None carries a truth of its own."""

from celery import shared_task

from bookings import outbox, services
from common.batches import until_nothing_is_left


@shared_task(name="bookings.expire_bookings")
def expire_bookings() -> int:
    """Cancel bookings that nobody paid in time; return how many."""
    return sum(until_nothing_is_left(services.expire))


@shared_task(name="bookings.relay_outbox")
def relay_outbox() -> int:
    """Tell other services what is due; return how many messages were dealt with."""
    return sum(until_nothing_is_left(outbox.relay))


@shared_task(name="bookings.reconcile_payments")
def reconcile_payments() -> int:
    """Finish payments that nobody works on any more; return how many."""
    return services.reconcile(list(services.unfinished_attempts()[:100]))
