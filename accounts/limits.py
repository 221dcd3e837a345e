"""Tries to guess a password are counted, whichever door is tried (common/throttles.py)."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from common import problems
from common.errors import ServiceUnavailable
from common.throttles import LoginThrottle, address_of, login_wait


class PasswordThrottle(LoginThrottle):
    """For who is logged in and shows their password again: by address and by account."""

    fields = ("password", "currentPassword")

    def allow_request(self, request: Request, view: Any) -> bool:
        if isinstance(request.data, dict) and any(name in request.data for name in self.fields):
            self.seconds = login_wait(_account(request.user), address_of(request))
        return not self.seconds


def limited(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """One of Django's forms that take a password, within the same limits as the API's log-in."""

    @wraps(view)
    def door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method != "POST":
            return view(request, *args, **kwargs)
        name = request.POST.get("username", "")
        if request.user.is_authenticated:
            name = _account(request.user)
        try:
            wait = login_wait(name, address_of(request))
        except ServiceUnavailable as error:
            body, wait = problems.of_error(error), error.retry_after or 1
        else:
            body = problems.problem(429, "throttled", problems.TITLES["throttled"])
        if not wait:
            return view(request, *args, **kwargs)
        response = problems.answer(request, body)
        response["Retry-After"] = str(wait)
        return response

    return door


def _account(user: Any) -> str:
    return f"#{user.pk}"  # no name that anybody could choose
