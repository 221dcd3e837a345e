from typing import Any

from common.errors import Conflict, NotFound, SeatholdError, ServiceUnavailable


class BookingNotFound(NotFound):
    code = "booking_not_found"
    title = "There is no such booking, or it is not yours."


class NotYourUser(SeatholdError):
    status_code = 403
    code = "not_your_user"
    title = "You can only book for yourself."


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


class PriceChanged(Conflict):
    """Carries `price` and `currency` of a seat now."""

    code = "price_changed"
    title = "A seat has another price now than you expected."


class TooManyUnpaidBookings(Conflict):
    """Carries `limit`."""

    code = "too_many_unpaid_bookings"
    title = "You hold too many unpaid bookings: pay or cancel one first."


class TooManyBookings(SeatholdError):
    """Carries `limit`."""

    status_code = 429
    code = "too_many_bookings"
    title = "You have booked this flight too often within an hour."
    retry_after = 600


# What may be short because of an earlier copy of the same request.
SHORTAGES = (SeatsUnavailable, TooManyUnpaidBookings, TooManyBookings)


class FlightsUnavailable(ServiceUnavailable):
    code = "flights_unavailable"
    title = "The flights service can't be reached at the moment."


class PaymentsUnavailable(ServiceUnavailable):
    code = "payments_unavailable"
    title = "The payment service can't be reached at the moment."


class PaymentDeclined(SeatholdError):
    """The booking stays INITIATED: another try, under another key, is welcome till the deadline."""

    status_code = 402
    code = "payment_declined"
    title = "The payment was declined."


class PaymentMethodUnknown(SeatholdError):
    """The provider can't make anything of the payment method: nothing was tried."""

    status_code = 400
    code = "validation_error"
    title = "Some of what was sent is not valid."

    def __init__(self) -> None:
        detail = "The payment provider does not know this payment method."
        fault = {"pointer": "#/paymentMethod", "code": "unknown", "detail": detail}
        super().__init__(f"#/paymentMethod: {detail}", errors=[fault])


class BookingExpired(Conflict):
    code = "booking_expired"
    title = "The payment window is over: the booking was, or will be, cancelled."


class BookingCancelled(Conflict):
    """Carries `cancellation_reason`."""

    code = "booking_cancelled"
    title = "This booking is cancelled."


class AlreadyBooked(Conflict):
    code = "already_booked"
    title = "This booking is paid already."


class PaymentInProgress(Conflict):
    code = "payment_in_progress"
    title = "A payment of this booking is under way."
    retry_after = 1


class AmountMismatch(Conflict):
    """Carries `total_cost` and `currency`."""

    code = "amount_mismatch"
    title = "The booking costs another amount."


class SeatsLost(Conflict):
    code = "seats_lost"
    title = "The seats were lost before the payment went through; nothing is charged."


class PaymentVoided(Conflict):
    code = "payment_voided"
    title = "This payment was taken back, and nothing was charged: pay again under a new key."


class QuoteOutdated(Conflict):
    """Carries `quote`, as it is now."""

    code = "quote_outdated"
    title = "Cancelling has other terms by now: look at the new quote."

    def __init__(self, quote: Any) -> None:
        super().__init__()
        self.quote = quote


class QuoteMissing(SeatholdError):
    status_code = 400
    code = "quote_missing"
    title = "Cancelling some of the seats takes a quote: get one first, and send its id."


class TooManySeats(Conflict):
    """Carries `booked_seats`."""

    code = "too_many_seats"
    title = "The booking does not have so many seats."


class PassengersUnclear(SeatholdError):
    status_code = 400
    code = "passengers_unclear"
    title = "It is not clear which passengers are meant."


class PassengersDoNotFit(SeatholdError):
    status_code = 400
    code = "passengers_do_not_fit"
    title = "The passengers do not fit the seats."


class PassengersMissing(Conflict):
    code = "passengers_missing"
    title = "Say first who flies: without passengers the booking can't be paid."


class PassengersSettled(Conflict):
    code = "passengers_settled"
    title = "The booking is paid, and its passengers are settled: correct their names one by one."


class PassengerNotFound(NotFound):
    code = "passenger_not_found"
    title = "The booking has no such passenger."


class NameCorrectionRefused(Conflict):
    """Carries `reason`: too_many_letters, too_late, or seat_cancelled."""

    code = "name_correction_refused"
    title = "This name can't be corrected so."


class FlightDeparted(Conflict):
    code = "flight_departed"
    title = "The flight has departed: this can't be done any more."


class NothingToRefund(Conflict):
    code = "nothing_to_refund"
    title = "No captured payment of this booking is left to give back."


class RefundTooLarge(Conflict):
    """Carries `refundable` and `currency`."""

    code = "refund_too_large"
    title = "This is more than is left of what was paid."


class DeadlineTooLate(Conflict):
    """Carries `latest`, in UTC."""

    code = "deadline_too_late"
    title = "The time to pay can't be extended so far."


class DeadlineTooEarly(Conflict):
    code = "deadline_too_early"
    title = "The time to pay can be extended, and not shortened."


class NotDisrupted(Conflict):
    code = "not_disrupted"
    title = "This flight was neither cancelled nor moved since its bookings were made."


class NotRebookable(Conflict):
    code = "not_rebookable"
    title = "Only a booking that is BOOKED can go on another flight."


class HoldGone(Exception):
    """The flights service says that a hold was released, or never was. Not shown to anyone."""


class CaptureRefused(Exception):
    """The provider refuses to capture a payment, for good. Not shown to anyone."""


class AlreadyCaptured(Exception):
    """The provider can't void what it has captured. Not shown to anyone."""


class KeyTaken(Exception):
    """Another request with the same Idempotency-Key was first. Not shown to anyone."""


class LocatorTaken(Exception):
    """The locator that was drawn belongs to another booking. Not shown to anyone."""
