"""The real URLs, and beside them a door for every kind of error."""

from collections.abc import Callable

from django.core import exceptions as django
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.urls import path
from rest_framework import exceptions as drf
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from booking_project import urls
from booking_project.urls import handler400, handler403, handler404, handler500  # noqa: F401
from common import errors


def loop() -> None:
    loop()


class Soon(errors.Conflict):
    code = "soon"
    title = "Not yet."
    retry_after = 7


FAULTS: dict[str, Callable[[], Exception]] = {
    "drf-not-found": drf.NotFound,
    "drf-throttled": lambda: drf.Throttled(wait=1.2),
    "drf-plain": lambda: drf.APIException("Odd."),
    "django-404": Http404,
    "django-403": django.PermissionDenied,
    "django-400": lambda: django.SuspiciousOperation("secret"),
    "database-down": lambda: OperationalError("secret"),
    "connection-lost": lambda: InterfaceError("secret"),
    "unexpected": lambda: RuntimeError("secret"),
    "client-gone": lambda: UnreadablePostError("secret"),
    "ours": lambda: Soon("In an hour.", remaining_seats=3),
    "half-a-character": lambda: drf.ValidationError({"a": ['"\ud800" is wrong.']}),
}


class RaisingView(APIView):
    permission_classes = [AllowAny]

    def get(self, request: Request, fault: str) -> Response:
        if fault == "loop":
            loop()
        raise FAULTS[fault]()

    def post(self, request: Request, fault: str) -> Response:
        return Response(request.data)


def plain(request: HttpRequest, fault: str) -> HttpResponse:
    raise FAULTS[fault]()


urlpatterns = [
    path("api/v1/raise/<str:fault>/", RaisingView.as_view()),
    path("plain/<str:fault>/", plain),
    *urls.urlpatterns,
]
