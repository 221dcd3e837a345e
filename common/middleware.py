"""What is settled before routing."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, UnreadablePostError

from common import problems
from common.errors import BodyBroken, BodyTooLarge, LengthRequired, SeatholdError


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


class WholeMiddleware:
    """The API is asked with whole bodies, and answers whole problems.

    Django takes a body that breaks off for a short one, and a body in chunks for none (where the
    server has not put them together): nothing may be done on half of what was said. And Django's
    own refusals (412, say) have no body.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/api/"):
            return self.get_response(request)
        try:
            read_body(request)
        except SeatholdError as error:
            return problems.answer(request, problems.of_error(error))
        response = self.get_response(request)
        if response.status_code >= 400 and not response.streaming and not response.content:
            return problems.of_bare_response(request, response)
        return response


def read_body(request: HttpRequest) -> None:
    """Read all that was announced. Raises LengthRequired, BodyTooLarge, BodyBroken."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length == "0" and "HTTP_TRANSFER_ENCODING" in request.META:
        raise LengthRequired
    if not (length.isascii() and length.isdigit()):
        raise BodyBroken("The Content-Length is no number.")
    if len(length) > 18 or int(length) > (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0):
        raise BodyTooLarge
    try:
        whole = len(request.body) == int(length)
    except UnreadablePostError:
        whole = False
    if not whole:
        raise BodyBroken
