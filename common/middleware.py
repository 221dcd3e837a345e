"""What is settled before routing."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


class SlashMiddleware:
    """A path of the API works with and without its trailing slash, for every method.

    Django's APPEND_SLASH redirects, and a redirected POST loses its body.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith("/api/") and not request.path_info.endswith("/"):
            request.path_info += "/"
            request.path += "/"
        return self.get_response(request)
