"""The errors that services raise: a status, a code, a sentence, and nothing of HTTP frameworks.

Each service's `errors.py` derives its own; `problems.py` turns them into problem documents.
"""

from typing import Any, ClassVar


class SeatholdError(Exception):
    """An answer other than success, for which the caller gets a reason.

    `code` is for programs and never changes; `title` is the short sentence that belongs to it;
    `detail` says what was wrong this time. Keyword arguments become further members of the
    problem document (`remaining_seats=3` is `"remainingSeats": 3` on the wire).
    """

    status_code: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong on our side."
    retry_after: ClassVar[int | None] = None  # seconds

    def __init__(self, detail: str | None = None, **members: Any) -> None:
        self.detail = detail or self.title
        self.members = members
        super().__init__(self.detail)


class NotFound(SeatholdError):
    status_code = 404
    code = "not_found"
    title = "There is nothing here, or nothing that you may see."


class Conflict(SeatholdError):
    status_code = 409
    code = "conflict"
    title = "The request does not fit the state of things."


class ServiceUnavailable(SeatholdError):
    """Nobody's fault but ours, and worth trying again.

    `definite` tells us, not the caller, that trying again won't help: a service answered with
    something that has no place in the protocol, and somebody has to look.
    """

    status_code = 503
    code = "service_unavailable"
    title = "A part of Seathold can't be reached at the moment; please try again."
    retry_after = 5

    def __init__(
        self, detail: str | None = None, *, definite: bool = False, **members: Any
    ) -> None:
        self.definite = definite
        super().__init__(detail, **members)


class BodyTooLarge(SeatholdError):
    status_code = 413
    code = "body_too_large"
    title = "The body is larger than we read."


class BodyBroken(SeatholdError):
    status_code = 400
    code = "parse_error"
    title = "The body is not well-formed JSON."

    def __init__(self, detail: str = "The body broke off.") -> None:
        super().__init__(detail)


class LengthRequired(SeatholdError):
    status_code = 411
    code = "length_required"
    title = "Send the body in one piece, with its Content-Length."


class IdempotencyKeyMissing(SeatholdError):
    status_code = 400
    code = "idempotency_key_missing"
    title = "This request needs an Idempotency-Key header."


class IdempotencyKeyInvalid(SeatholdError):
    status_code = 400
    code = "idempotency_key_invalid"
    title = "An Idempotency-Key is 1 to 255 visible ASCII characters."


class IdempotencyKeyReused(SeatholdError):
    status_code = 422
    code = "idempotency_key_reused"
    title = "This Idempotency-Key was used before, for another request."


class RequestInFlight(Conflict):
    code = "request_in_flight"
    title = "The first request with this Idempotency-Key is still being worked on."
    retry_after = 1
