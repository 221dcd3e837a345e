"""How often one may ask, by what a request costs us; counted in Redis for all processes together.

Every caller has a bucket for each cost class: it holds as many requests as the rate says, and
fills again evenly over the rate's period (GCRA). A request is counted in one round trip. Without
Redis nobody is kept from searching, booking and paying; logging in is closed, because a password
could be guessed for as long as Redis is gone.
"""

import logging
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from math import ceil
from typing import Any, ClassVar

import redis
from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from common.breaker import CircuitBreaker
from common.errors import ServiceUnavailable
from common.service_auth import ServicePrincipal

logger = logging.getLogger(__name__)

COST_CLASSES = ("search", "create", "pay", "login", "login_name", "lookup", "lookup_name")
# People behind one address (an office, a mobile network) share this many times one person's rate.
PEOPLE_BEHIND_AN_ADDRESS = 10
REDIS_SECONDS = 0.25
PERIODS = {"s": 1, "min": 60, "h": 3600, "d": 86400}

# Each key holds when its bucket will be full again, in microseconds. A request that finds one of
# its buckets empty is counted in none of them. Redis' own clock: our hosts may differ.
COUNT = """
local time = redis.call("TIME")
local now = time[1] * 1000000 + time[2]
local wait, full_at = 0, {}
for i, key in ipairs(KEYS) do
  local step, period = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  full_at[i] = math.max(now, tonumber(redis.call("GET", key) or 0)) + step
  wait = math.max(wait, full_at[i] - now - period)
end
if wait > 0 then
  return math.ceil(wait)
end
for i, key in ipairs(KEYS) do
  redis.call("SET", key, full_at[i], "PX", math.ceil((full_at[i] - now) / 1000))
end
return 0
"""


@dataclass(frozen=True)
class Rate:
    """`requests` at once, and as many again in each `seconds`."""

    requests: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """`60/min`, `10/15min`; the periods are s, min, h and d. Raises ValueError."""
        said = re.fullmatch(r"([1-9]\d{0,8})/([1-9]\d{0,3})?(s|min|h|d)", text)
        if not said:
            raise ValueError(f"{text!r} is no rate: 60/min is one, or 10/15min.")
        return cls(int(said[1]), int(said[2] or 1) * PERIODS[said[3]])

    def times(self, factor: int) -> "Rate":
        return Rate(self.requests * factor, self.seconds)


class NotCounted(Exception):
    """Redis does not answer, or not in time."""


class Counters:
    """The buckets in Redis. While it is gone, asking costs microseconds and not a time-out."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(
            url,
            socket_connect_timeout=REDIS_SECONDS,
            socket_timeout=REDIS_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._count = self.client.register_script(COUNT)
        self.breaker = CircuitBreaker(failures_to_open=2, open_seconds=2.0)

    def spend(self, buckets: dict[str, Rate]) -> float:
        """Count one request in all `buckets`; return 0, or the seconds to wait if one is empty.

        Raises NotCounted.
        """
        if not self.breaker.allows():
            raise NotCounted
        amounts: list[int] = []
        for rate in buckets.values():
            period = rate.seconds * 1_000_000
            amounts += (period // rate.requests, period)
        try:
            wait = self._count(keys=[f"throttle:{name}" for name in buckets], args=amounts)
        except (redis.RedisError, OSError) as error:
            self.breaker.failed()
            logger.warning("requests are not counted, Redis does not answer: %s", error)
            raise NotCounted from error
        self.breaker.succeeded()
        return float(wait) / 1_000_000


@cache
def counters() -> Counters:
    """The process's counters, made when first asked for."""
    return Counters(settings.REDIS_URL)


@cache
def _parsed(text: str) -> Rate:
    return Rate.parse(text)


def rate_of(cost_class: str) -> Rate:
    return _parsed(settings.THROTTLE_RATES[cost_class])


def address_of(request: HttpRequest | Request) -> str:
    """Where a request comes from; an IPv6 host by its network, of which it has all addresses.

    `X-Forwarded-For` is believed as far as NUM_PROXIES of our own have written it.
    """
    text = str(BaseThrottle().get_ident(request))  # type: ignore[arg-type]
    try:
        address = ip_address(text)
    except ValueError:
        return text[:64]
    if not isinstance(address, IPv6Address):
        return text
    mapped = address.ipv4_mapped
    return str(mapped or IPv6Network((address.packed, 64), strict=False))


class CostThrottle(BaseThrottle):
    """By user and by address: reading is `search`, writing `create`; open without Redis.

    Views that cost otherwise name a subclass in their `throttle_classes`. Our own services are
    never slowed down.
    """

    cost_class: ClassVar[str] = ""
    seconds = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        if not settings.THROTTLES or isinstance(request.user, ServicePrincipal):
            return True
        try:
            self.seconds = counters().spend(self._buckets(request))
        except NotCounted:
            return True
        return not self.seconds

    def _buckets(self, request: Request) -> dict[str, Rate]:
        cost = self.cost_class or ("search" if request.method in SAFE_METHODS else "create")
        rate = rate_of(cost)
        address = f"{cost}:address:{address_of(request)}"
        if request.user.pk is None:  # nobody's account
            return {address: rate}
        return {
            f"{cost}:user:{request.user.pk}": rate,
            address: rate.times(PEOPLE_BEHIND_AN_ADDRESS),
        }

    def wait(self) -> float:
        return self.seconds


class PayThrottle(CostThrottle):
    """For what asks a bank: trying out stolen cards shall not be worth it."""

    cost_class = "pay"


def login_wait(name: str, address: str) -> int:
    """Count one try to log in as `name` from `address` (see `address_of`).

    Returns 0, or after how many seconds to try again: then nothing was counted, and the password
    must not be looked at. An empty name is none. Raises ServiceUnavailable without Redis.
    """
    return guess_wait("login", name, address)


def guess_wait(cost_class: str, name: str, address: str) -> int:
    """Count one try, from `address`, at what `name` keeps: its rate is `<cost_class>_name`.

    Answers like `login_wait`.
    """
    if not settings.THROTTLES:
        return 0
    buckets = {f"{cost_class}:address:{address}": rate_of(cost_class)}
    if name:
        buckets[f"{cost_class}:name:{_hidden(name)}"] = rate_of(f"{cost_class}_name")
    try:
        return ceil(counters().spend(buckets))
    except NotCounted:
        raise ServiceUnavailable("No try can be counted at the moment; try again later.") from None


def _hidden(name: str) -> str:
    """A name as a key that tells nobody who reads Redis who it is; however it is written."""
    folded = unicodedata.normalize("NFKC", name).casefold().strip().encode(errors="replace")
    return salted_hmac(__name__, folded, algorithm="sha256").hexdigest()


class LoginThrottle(BaseThrottle):
    """For views that take a password, or mail a link: by address, and by the name in the body.

    The name is the field `username`, or `email`. Closed without Redis: 503.
    """

    seconds = 0

    def allow_request(self, request: Request, view: Any) -> bool:
        self.seconds = login_wait(_name_in(request.data), address_of(request))
        return not self.seconds

    def wait(self) -> int:
        return self.seconds


def _name_in(body: Any) -> str:
    """The name that somebody wants to be; validation tells what else is wrong with the body."""
    names = [body.get("username"), body.get("email")] if isinstance(body, dict) else []
    return next((name for name in names if isinstance(name, str)), "")
