from common.errors import Conflict, NotFound, SeatholdError


class PaymentNotFound(NotFound):
    code = "payment_not_found"
    title = "There is no such payment."


class PaymentDeclined(SeatholdError):
    """Carries `decline_code`."""

    status_code = 402
    code = "payment_declined"
    title = "The bank declined this payment."


class PaymentVoided(Conflict):
    code = "payment_voided"
    title = "This payment was voided, which is final."


class AlreadyCaptured(Conflict):
    code = "already_captured"
    title = "This payment was captured: it can be refunded, but not voided."


class NotCapturable(Conflict):
    code = "not_capturable"
    title = "This payment was declined: there is nothing to capture."


class CaptureRefused(Conflict):
    code = "capture_refused"
    title = "The bank refuses to capture this payment, for good."


class NotCaptured(Conflict):
    code = "not_captured"
    title = "Only a captured payment can be refunded."


class RefundExceedsPayment(Conflict):
    code = "refund_exceeds_payment"
    title = "Refunds can't exceed what was captured."


class ProviderBroke(SeatholdError):
    """What `tok_error_once` plays: the decision stands, and its answer is lost."""

    code = "provider_broke"
    title = "The payment provider broke; the same Idempotency-Key again tells the outcome."
