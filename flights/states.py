"""The states of a flight and of a hold, and the one table of a hold's moves."""

from django.db.models import TextChoices


class ShownStatus(TextChoices):
    """A flight's status as travellers see it: DEPARTED is told by the clock, and not stored."""

    SCHEDULED = "SCHEDULED"
    CANCELLED = "CANCELLED"
    DEPARTED = "DEPARTED"


class HoldStatus(TextChoices):
    HELD = "HELD"
    CONFIRMED = "CONFIRMED"
    RELEASED = "RELEASED"


HOLD_MOVES: dict[HoldStatus, frozenset[HoldStatus]] = {
    HoldStatus.HELD: frozenset({HoldStatus.CONFIRMED, HoldStatus.RELEASED}),
    HoldStatus.CONFIRMED: frozenset({HoldStatus.RELEASED}),
    HoldStatus.RELEASED: frozenset(),
}
