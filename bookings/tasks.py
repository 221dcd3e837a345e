"""Nudges and clockwork: each looks at the rows that are due. None carries a truth of its own."""

import logging

from celery import shared_task
from django.conf import settings

from bookings import disruption, forgetting, mail, outbox, rebooking, services
from bookings.audit import audit
from common.batches import until_nothing_is_left

logger = logging.getLogger(__name__)


@shared_task(name="bookings.expire_bookings")
def expire_bookings() -> int:
    """Cancel bookings that nobody paid in time; return how many."""
    return sum(until_nothing_is_left(services.expire))


@shared_task(name="bookings.relay_outbox")
def relay_outbox() -> int:
    """Tell other services what is due; return how many messages were dealt with."""
    return sum(until_nothing_is_left(outbox.relay))


@shared_task(name="bookings.send_messages")
def send_messages() -> int:
    """Send mail that is due, and leave the worker to others in time; return how many."""
    return mail.send_due(seconds=settings.OUTBOX_SECONDS * 0.8)


@shared_task(name="bookings.reconcile_payments")
def reconcile_payments() -> int:
    """Finish payments and rebookings that nobody works on any more; return how many."""
    # In no order: a hundred that can't be finished now must not starve the rest.
    paid = services.reconcile(list(services.unfinished_attempts().order_by("?")[:100]))
    return paid + rebooking.take_back(list(rebooking.unfinished_rebookings()[:100]))


@shared_task(name="bookings.handle_disruption")
def handle_disruption(flight_id: int, remedy: str) -> int:
    """Put right the bookings of a flight; return how many. Repeatable."""
    found = disruption.look(flight_id=flight_id, remedy=disruption.Remedy(remedy))
    return disruption.handle(found).total()


@shared_task(name="bookings.forget_travellers")
def forget_travellers() -> int:
    """Forget who flew on bookings of closed accounts that are over; return of how many."""
    return forgetting.forget_travellers()


@shared_task(name="bookings.audit")
def audit_all() -> bool:
    """Recount everything; return whether it added up. Staff find the result in the admin."""
    report = audit()
    for difference in report.differences:
        logger.error("audit: %s", difference)
    return report.clean
