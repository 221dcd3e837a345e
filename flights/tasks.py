from celery import shared_task

from common.batches import until_nothing_is_left
from flights import holds


@shared_task(name="flights.release_expired_holds")
def release_expired_holds() -> int:
    """Give back the seats of holds that nobody confirmed in time; return how many holds."""
    return sum(until_nothing_is_left(holds.release_expired_holds))
