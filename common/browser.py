"""What browsers are told, so that a page of ours can do less harm, and nothing private is kept."""

from typing import Any

from csp.constants import HEADER, UNSAFE_INLINE
from csp.middleware import CSPMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import add_never_cache_headers

# Pages of Django and DRF that come with inline styles, by the names of their URLs; the browsable
# API is another, and says so itself.
STYLED = {"admin", "rest_framework"}
# An answer that is no page runs nothing, wherever it is opened.
NO_PAGE = "default-src 'none'; frame-ancestors 'none'"
PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in "accelerometer camera geolocation gyroscope microphone payment usb".split()
)


class BrowserMiddleware(CSPMiddleware):
    """Content-Security-Policy and Permissions-Policy; and no cache for what names no other rule."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        if request.path_info.startswith("/api/"):
            response.headers.setdefault("Cache-Control", "no-store")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            if request.resolver_match and STYLED.intersection(request.resolver_match.app_names):
                allow_inline_styles(response)
            return super().process_response(request, response)
        response.headers.setdefault(HEADER, NO_PAGE)
        return response


def allow_inline_styles(response: Any) -> None:
    response._csp_update = {"style-src": [UNSAFE_INLINE]}


def keep_private(response: Any) -> None:
    """A page that says who is logged in: no cache keeps it, whatever its view said."""
    del response.headers["Cache-Control"]
    add_never_cache_headers(response)
