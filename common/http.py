"""HTTP to other services: the only door that `requests` has.

One retry policy, bounded time, our secret and the request id on every call.
"""

from collections.abc import Mapping
from json import dumps, loads
from typing import Any, Self
from urllib.parse import urlencode

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import Retry
from urllib3.exceptions import ReadTimeoutError

from common.breaker import CircuitBreaker
from common.errors import ServiceUnavailable
from common.request_id import HEADER, current_request_id
from common.service_auth import service_authorization

# A service that answers one of these is down or overloaded; a plain 500 is one broken request.
DOWN = (502, 503, 504)


class OneRetry(Retry):
    """One more try, at once, where it helps. Every call between our services is repeatable.

    - a connection that failed: nothing was sent, or a kept connection had just been closed;
    - 500: one handler broke, and each of them does all or nothing;
    - 502, 504: a proxy lost its backend, and another one may be up.
    - not 503: the service says that it is overloaded; asking again makes it worse;
    - not a read time-out: the first call may still be running, and waiting twice as long costs more
      than it brings. Who asked finds out later what became of it.
    """

    def __init__(self, **kwargs: Any) -> None:
        once = {"total": 1, "redirect": 0, "other": 0, "backoff_factor": 0}
        rules = {"allowed_methods": None, "status_forcelist": (500, 502, 504)}
        quiet = {"raise_on_status": False, "respect_retry_after_header": False}
        super().__init__(**{**once, **rules, **quiet, **kwargs})

    def increment(self, *args: Any, **kwargs: Any) -> Self:
        error = kwargs.get("error")
        if isinstance(error, ReadTimeoutError):
            raise error
        return super().increment(*args, **kwargs)


class ServiceSession:
    """Calls to one service, which any number of threads may share.

    Trouble on the way, and answers that say nothing (5xx, redirects, other than JSON), are raised
    as `unavailable`: what became of the request is then not known. While the service is down, most
    calls fail at once without being sent.
    """

    def __init__(
        self, base_url: str, *, read_timeout: float, unavailable: type[ServiceUnavailable]
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.timeout = (settings.SERVICE_CONNECT_TIMEOUT, read_timeout)
        self.unavailable = unavailable
        self.breaker = CircuitBreaker()
        # Without a session around it: no proxy, cookie or redirect comes between two services, and
        # preparing for all of them takes as long as the rest of the call.
        self.adapter = HTTPAdapter(pool_maxsize=32, max_retries=OneRetry())

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Send, and return the status (2xx or 4xx) and the JSON object of the answer.

        May take twice the connect and the read time-out, in seconds. Raises `unavailable`.
        """
        if not self.breaker.allows():
            raise self.unavailable
        url = f"{self.base_url}{path}?{urlencode(params)}" if params else self.base_url + path
        request = prepare(method, url, self._headers(headers or {}), json)
        try:
            response = self.adapter.send(request, timeout=self.timeout)
            content = response.content or b""  # read now: the way back may break, too
        except requests.RequestException as error:
            self.breaker.failed()
            raise self.unavailable from error
        if response.status_code in DOWN:
            self.breaker.failed()
        else:
            self.breaker.succeeded()
        return self._read(response.status_code, content)

    def _headers(self, extra: Mapping[str, str]) -> dict[str, str]:
        return {
            "Authorization": service_authorization(),
            HEADER: current_request_id(),
            "Accept": "application/json",
            **extra,
        }

    def _read(self, status: int, content: bytes) -> tuple[int, dict[str, Any]]:
        if status == 204:
            return status, {}
        if status >= 500 or status < 200 or 300 <= status < 400:
            raise self.unavailable
        try:
            body = loads(content)
        except (ValueError, RecursionError) as error:
            raise self.unavailable from error
        if not isinstance(body, dict):
            raise self.unavailable
        return status, body


def prepare(
    method: str, url: str, headers: Mapping[str, str], body: Mapping[str, Any] | None
) -> requests.PreparedRequest:
    """A request as `requests` would prepare it, whose parts are known to be clean."""
    request = requests.PreparedRequest()
    request.method, request.url = method, url
    request.headers = CaseInsensitiveDict(headers)
    if body is not None:
        request.body = dumps(body).encode()
        request.headers["Content-Type"] = "application/json"
    if request.body or method != "GET":
        request.headers["Content-Length"] = str(len(request.body or b""))
    return request


def longest_call(read_timeout: float) -> float:
    """How long one call may take at most, in seconds, its retry included."""
    return 2 * (settings.SERVICE_CONNECT_TIMEOUT + read_timeout)
