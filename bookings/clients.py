"""The only door to other services. Their answers are read here, and their errors become ours.

Every call may raise FlightsUnavailable or PaymentsUnavailable: what became of it is then unknown,
and repeating it does no harm. `definite` on such an error means that the service did answer, with
something that we never expect: repeating it won't help, somebody has to look.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from django.conf import settings

from bookings import errors
from common.http import ServiceSession
from common.wire import to_wire_time

logger = logging.getLogger(__name__)


# How flights says that a hold was released, or never was.
GONE = ("hold_released", "hold_not_found", "flight_not_found")


@dataclass(frozen=True)
class SoldSeats:
    """What the flights service sold: the price of one seat, and the flight as it was then."""

    price: Decimal
    currency: str
    departure: datetime
    flight: dict[str, Any]

    @classmethod
    def read(cls, body: dict[str, Any]) -> "SoldSeats":
        flight = dict(body["flight"])
        departure = datetime.fromisoformat(flight["departureTime"])
        return cls(Decimal(body["price"]), str(body["currency"]), departure, flight)


@dataclass(frozen=True)
class ProviderPayment:
    """A payment as the provider has it. `amount` is None for a key that was voided unseen."""

    id: int
    key: str
    reference: str | None
    status: str
    amount: Decimal | None
    amount_refunded: Decimal
    currency: str | None

    @classmethod
    def read(cls, body: dict[str, Any]) -> "ProviderPayment":
        return cls(
            id=int(body["id"]),
            key=str(body["idempotencyKey"]),
            reference=body["reference"],
            status=str(body["status"]),
            amount=None if body["amount"] is None else Decimal(body["amount"]),
            amount_refunded=Decimal(body["amountRefunded"] or 0),
            currency=body["currency"],
        )


class ServiceClient:
    """What both clients do alike: read an answer that may be rubbish, and walk through a list."""

    unavailable: type[errors.ServiceUnavailable]

    def __init__(self, base_url: str, *, read_timeout: float) -> None:
        self.service = ServiceSession(
            base_url, read_timeout=read_timeout, unavailable=self.unavailable
        )

    def unexpected(self, status: int, body: dict[str, Any]) -> errors.ServiceUnavailable:
        """The service answered 4xx, in a way that the protocol has no place for."""
        logger.error("unexpected answer of %s: %s %s", self.service.base_url, status, body)
        return self.unavailable(definite=True)

    def walk(self, path: str, filters: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """All rows of a list, page by page."""
        cursor: str | None = None
        while True:
            query = {"limit": 200, **filters} | ({"cursor": cursor} if cursor else {})
            status, body = self.service.call("GET", path, params=query)
            if status != 200:
                raise self.unexpected(status, body)
            try:
                rows, link = body["results"], body["next"]
                cursor = parse_qs(urlsplit(link).query)["cursor"][0] if link else None
            except (KeyError, TypeError, ValueError) as error:
                raise self.unavailable from error
            yield from rows
            if cursor is None:
                return


class FlightsClient(ServiceClient):
    unavailable = errors.FlightsUnavailable

    def hold(
        self, *, flight_id: int, reference: UUID, no_of_seats: int, expires_at: datetime
    ) -> SoldSeats:
        """Take seats under `reference` until `expires_at`.

        Raises FlightNotFound, FlightClosed, SeatsUnavailable (with `remaining_seats`): then there
        is no hold. After FlightsUnavailable there may be one.
        """
        status, body = self.service.call(
            "PUT",
            f"/api/v1/flights/{flight_id}/holds/{reference}/",
            json={"noOfSeats": no_of_seats, "expiresAt": to_wire_time(expires_at)},
        )
        if status in (200, 201):
            try:
                return SoldSeats.read(body)
            except (KeyError, TypeError, ValueError, InvalidOperation) as error:
                raise self.unavailable from error
        match body.get("code"):
            case "seats_unavailable":
                remaining = body.get("remainingSeats")
                raise errors.SeatsUnavailable(body.get("detail"), remaining_seats=remaining)
            case "flight_closed":
                raise errors.FlightClosed
            case "flight_not_found":
                raise errors.FlightNotFound
        raise self.unexpected(status, body)

    def confirm(self, *, flight_id: int, reference: UUID) -> None:
        """Make the hold one that never expires. Raises HoldGone when its seats are lost."""
        path = f"/api/v1/flights/{flight_id}/holds/{reference}/confirm/"
        status, body = self.service.call("POST", path)
        if status == 200:
            return
        if body.get("code") in GONE:
            raise errors.HoldGone
        raise self.unexpected(status, body)

    def give_up(self, *, flight_id: int, reference: UUID) -> None:
        """Release a hold whose booking was never made; a confirmed one is left alone."""
        path = f"/api/v1/flights/{flight_id}/holds/{reference}/"
        status, body = self.service.call("DELETE", path)
        if status != 204 and body.get("code") != "hold_confirmed":
            raise self.unexpected(status, body)

    def shrink(self, *, flight_id: int, reference: UUID, no_of_seats: int) -> None:
        """Let the hold keep no more than `no_of_seats`. Raises HoldGone when it has none left."""
        path = f"/api/v1/flights/{flight_id}/holds/{reference}/shrink/"
        status, body = self.service.call("POST", path, json={"noOfSeats": no_of_seats})
        if status == 200:
            return
        if body.get("code") in GONE:
            raise errors.HoldGone
        raise self.unexpected(status, body)

    def extend(self, *, flight_id: int, reference: UUID, expires_at: datetime) -> None:
        """Let the hold expire not before `expires_at`. Raises HoldGone when its seats are lost."""
        path = f"/api/v1/flights/{flight_id}/holds/{reference}/extend/"
        body = {"expiresAt": to_wire_time(expires_at)}
        status, body = self.service.call("POST", path, json=body)
        if status == 200:
            return
        if body.get("code") in GONE:
            raise errors.HoldGone
        raise self.unexpected(status, body)

    def release(self, holds: Iterable[tuple[int, UUID]]) -> None:
        """Release the holds (flight id, reference) of cancelled bookings, confirmed ones too."""
        status, body = self.service.call(
            "POST",
            "/api/v1/holds/release/",
            json={"holds": [{"flightId": id_, "reference": str(ref)} for id_, ref in holds]},
        )
        if status != 200:
            raise self.unexpected(status, body)

    def flights(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """All flights, bookable or not."""
        return self.walk("/api/v1/flights/", {"includeUnbookable": "true", **filters})

    def bookable(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """Flights that take bookings; `trips` and `tripDate` narrow them."""
        return self.walk("/api/v1/flights/", filters)

    def flight(self, flight_id: int) -> dict[str, Any] | None:
        status, body = self.service.call("GET", f"/api/v1/flights/{flight_id}/")
        if status == 404:
            return None
        if status != 200:
            raise self.unexpected(status, body)
        return body

    def holds(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """All holds; `status` and `flightId` narrow them."""
        return self.walk("/api/v1/holds/", filters)


class PaymentsClient(ServiceClient):
    unavailable = errors.PaymentsUnavailable

    def authorise(
        self, *, key: UUID, reference: UUID, amount: str, currency: str, payment_method: str
    ) -> int:
        """Reserve `amount` on the traveller's card, under `key`; return the provider's id.

        Raises PaymentDeclined for good, PaymentVoided when `key` was voided before, and
        PaymentMethodUnknown, which the provider does not remember.
        """
        status, body = self.service.call(
            "POST",
            "/api/v1/payments/",
            headers={"Idempotency-Key": str(key)},
            json={
                "reference": str(reference),
                "amount": amount,
                "currency": currency,
                "paymentMethod": payment_method,
            },
        )
        if status == 200:
            return self._payment(body).id
        if status == 402:
            raise errors.PaymentDeclined(body.get("detail"))
        if body.get("code") == "payment_voided":
            raise errors.PaymentVoided
        if status == 400 and "#/paymentMethod" in str(body.get("errors")):
            raise errors.PaymentMethodUnknown
        raise self.unexpected(status, body)

    def find(self, *, key: UUID) -> ProviderPayment | None:
        """What the provider knows under `key`; None when it has never seen it."""
        found = list(self.payments(idempotencyKey=str(key)))
        return found[0] if found else None

    def capture(self, *, payment_id: int) -> None:
        """Take the money. Raises CaptureRefused when the provider never will."""
        status, body = self.service.call("POST", f"/api/v1/payments/{payment_id}/capture/")
        if status == 200:
            return
        if status == 409:
            raise errors.CaptureRefused(body.get("detail"))
        raise self.unexpected(status, body)

    def void(self, *, key: UUID) -> None:
        """Let go of what was, or ever will be, authorised under `key`. Raises AlreadyCaptured."""
        status, body = self.service.call(
            "POST", "/api/v1/payments/void/", json={"idempotencyKey": str(key)}
        )
        if status == 200:
            return
        if body.get("code") == "already_captured":
            raise errors.AlreadyCaptured
        raise self.unexpected(status, body)

    def refund(self, *, payment_id: int, amount: str, key: str) -> None:
        """Give `amount` of a captured payment back, once under `key`."""
        status, body = self.service.call(
            "POST",
            f"/api/v1/payments/{payment_id}/refunds/",
            headers={"Idempotency-Key": key},
            json={"amount": amount},
        )
        if status != 200:
            raise self.unexpected(status, body)

    def payments(self, **filters: Any) -> Iterator[ProviderPayment]:
        """All payments; `reference`, `idempotencyKey` and `status` narrow them."""
        return map(self._payment, self.walk("/api/v1/payments/", filters))

    def _payment(self, body: dict[str, Any]) -> ProviderPayment:
        try:
            return ProviderPayment.read(body)
        except (KeyError, TypeError, ValueError, InvalidOperation) as error:
            raise self.unavailable from error


@cache
def flights() -> FlightsClient:
    """The process's client of the flights service, made when first asked for."""
    return FlightsClient(settings.FLIGHTS_URL, read_timeout=settings.FLIGHTS_READ_TIMEOUT)


@cache
def payments() -> PaymentsClient:
    """The process's client of the payment provider, made when first asked for."""
    return PaymentsClient(settings.PAYMENTS_URL, read_timeout=settings.PAYMENTS_READ_TIMEOUT)
