from common.errors import Conflict, NotFound


class FlightNotFound(NotFound):
    code = "flight_not_found"
    title = "There is no such flight."


class FlightClosed(Conflict):
    code = "flight_closed"
    title = "This flight has departed or was cancelled: it takes no bookings."


class SeatsUnavailable(Conflict):
    """Carries `remaining_seats`."""

    code = "seats_unavailable"
    title = "The flight has too few seats left."


class HoldNotFound(NotFound):
    code = "hold_not_found"
    title = "There is no such hold."


class HoldConflict(Conflict):
    code = "hold_conflict"
    title = "This reference already holds another number of seats."


class HoldReleased(Conflict):
    code = "hold_released"
    title = "This hold was released, which is final."


class HoldConfirmed(Conflict):
    code = "hold_confirmed"
    title = "This hold is confirmed: only its booking's cancellation releases it."


class HoldExpired(Conflict):
    code = "hold_expired"
    title = "A hold must expire in the future."


class FlightInUse(Conflict):
    code = "flight_in_use"
    title = "Seats of this flight are held: it can be cancelled, but not deleted."


class SeatsHeld(Conflict):
    """Carries `held_seats`."""

    code = "seats_held"
    title = "More seats are held than the flight would have."


class FlightDeparted(Conflict):
    code = "flight_departed"
    title = "This flight has departed: it can no longer be cancelled."


class InUse(Conflict):
    code = "in_use"
    title = "Something else still refers to this: it can't be deleted."


class CapacityInUse(Conflict):
    code = "capacity_in_use"
    title = "A flight that is on sale with this airplane has more seats than that."
