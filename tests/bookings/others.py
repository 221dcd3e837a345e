"""The other services as `responses` plays them: each call once set up, and counted."""

import json
import re
from typing import Any

import requests
import responses

FLIGHTS = "http://127.0.0.1:8001/api/v1"
PAYMENTS = "http://127.0.0.1:8002/api/v1"
FLIGHT = {
    "id": 1,
    "flightNumber": "UK808",
    "price": "5000.00",
    "currency": "INR",
    "fare": "STANDARD",
    "departureTime": "2099-12-24T04:30:00Z",
}
HOLD = re.compile(rf"{FLIGHTS}/flights/\d+/holds/[0-9a-f-]+/$")
CONFIRM = re.compile(rf"{FLIGHTS}/flights/\d+/holds/[0-9a-f-]+/confirm/$")
SHRINK = re.compile(rf"{FLIGHTS}/flights/\d+/holds/[0-9a-f-]+/shrink/$")
EXTEND = re.compile(rf"{FLIGHTS}/flights/\d+/holds/[0-9a-f-]+/extend/$")
RELEASE = f"{FLIGHTS}/holds/release/"
AUTHORISE = f"{PAYMENTS}/payments/"
CAPTURE = re.compile(rf"{PAYMENTS}/payments/\d+/capture/$")
VOID = f"{PAYMENTS}/payments/void/"
REFUND = re.compile(rf"{PAYMENTS}/payments/\d+/refunds/$")

DOWN = requests.ConnectionError("refused")
TIMED_OUT = requests.ReadTimeout("too late")


class OtherServices:
    """Answers that the tests choose. An answer is a body, a problem's code, or an exception."""

    def __init__(self, mock: responses.RequestsMock) -> None:
        self.mock = mock

    def hold(self, answer: Any = None, status: int = 201) -> None:
        self._on("PUT", HOLD, answer or {**FLIGHT, "flight": FLIGHT}, status)

    def give_up(self, answer: Any = None, status: int = 204) -> None:
        self._on("DELETE", HOLD, answer, status)

    def confirm(self, answer: Any = None, status: int = 200) -> None:
        self._on("POST", CONFIRM, answer or {"status": "CONFIRMED"}, status)

    def shrink(self, answer: Any = None, status: int = 200) -> None:
        self._on("POST", SHRINK, answer or {"status": "CONFIRMED"}, status)

    def extend(self, answer: Any = None, status: int = 200) -> None:
        self._on("POST", EXTEND, answer or {"status": "HELD"}, status)

    def release(self, answer: Any = None, status: int = 200) -> None:
        self._on("POST", RELEASE, answer or {"released": 1}, status)

    def authorise(self, answer: Any = None, status: int = 200) -> None:
        self._on("POST", AUTHORISE, answer or provider_payment(), status)

    def find(self, *payments: dict[str, Any]) -> None:
        self._on("GET", AUTHORISE, {"results": list(payments), "next": None}, 200)

    def capture(self, answer: Any = None, status: int = 200) -> None:
        self._on("POST", CAPTURE, answer or provider_payment(status="SUCCEEDED"), status)

    def void(self, answer: Any = None, status: int = 200) -> None:
        self._on("POST", VOID, answer or provider_payment(status="CANCELED"), status)

    def refund(self, answer: Any = None, status: int = 200) -> None:
        self._on("POST", REFUND, answer or {"id": 1}, status)

    def all_well(self) -> None:
        self.hold()
        self.authorise()
        self.confirm()
        self.capture()
        self.shrink()
        self.extend()
        self.release()
        self.void()

    def sent(self, what: Any, method: str = "POST") -> list[Any]:
        """The bodies of the calls to `what`, in order."""
        calls = [call.request for call in self.mock.calls if call.request.method == method]
        matching = [call for call in calls if re.fullmatch(what, (call.url or "").split("?")[0])]
        return [json.loads(call.body) if call.body else None for call in matching]

    def _on(self, method: str, url: Any, answer: Any, status: int) -> None:
        if isinstance(answer, Exception | str) and not isinstance(answer, str):
            self.mock.add(method, url, body=answer)
        elif isinstance(answer, str):
            self.mock.add(method, url, json={"code": answer, "detail": "no"}, status=status)
        elif answer is None:
            self.mock.add(method, url, status=status)
        else:
            self.mock.add(method, url, json=answer, status=status)


def provider_payment(**changes: Any) -> dict[str, Any]:
    payment = {
        "id": 7,
        "idempotencyKey": "k",
        "reference": None,
        "status": "REQUIRES_CAPTURE",
        "amount": "10000.00",
        "amountRefunded": "0.00",
        "currency": "INR",
    }
    return {**payment, **changes}
