"""Every error as a problem document: RFC 9457, `application/problem+json`.

Ours, DRF's and Django's, malformed JSON and unknown paths included. HTML goes only to a browser
that asked for it.
"""

import logging
import sys
from collections.abc import Iterator
from traceback import walk_tb
from typing import Any
from urllib.parse import quote

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.shortcuts import render
from rest_framework import exceptions
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import set_rollback

from common.errors import BodyTooLarge, NotFound, SeatholdError, ServiceUnavailable
from common.request_id import current_request_id
from common.wire import camelize

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"

# The problems that DRF and Django raise; ours carry their own status and title.
OF_FRAMEWORKS = {
    "bad_request": (400, "The request can't be understood."),
    "validation_error": (400, "Some of what was sent is not valid."),
    "parse_error": (400, "The body is not well-formed JSON."),
    "not_authenticated": (401, "Log in first, and send your token."),
    "authentication_failed": (401, "These credentials are not valid."),
    "permission_denied": (403, "You may not do this."),
    "csrf_failed": (403, "The request carries no valid CSRF token."),
    "method_not_allowed": (405, "This resource does not take this method."),
    "not_acceptable": (406, "We answer in JSON."),
    "precondition_failed": (412, "What is there is not what you made a condition."),
    "unsupported_media_type": (415, "Send JSON, with Content-Type: application/json."),
    "throttled": (429, "Too many requests: please slow down."),
}
TITLES = {code: title for code, (_, title) in OF_FRAMEWORKS.items()}
# What a status means where nothing more is known: the first of those above.
CODES = {status: code for code, (status, _) in reversed(OF_FRAMEWORKS.items())}


def problem(
    status: int, code: str, title: str, detail: str | None = None, **members: Any
) -> dict[str, Any]:
    """The members of a problem document, in the order a reader wants them."""
    return {
        "type": f"/api/v1/problems/{code}/",
        "title": title,
        "status": status,
        "detail": detail or title,
        "code": code,
        "requestId": current_request_id(),
        **{camelize(name): value for name, value in members.items()},
    }


def of_error(error: SeatholdError) -> dict[str, Any]:
    return problem(error.status_code, error.code, error.title, error.detail, **error.members)


def of_status(status: int, detail: str | None = None) -> dict[str, Any]:
    """Where nothing more is known, or may be told: no code goes out that the list has not."""
    if status >= 500:
        return of_error(SeatholdError())
    if status == 404:
        return of_error(NotFound())
    code = CODES.get(status, "bad_request")
    return problem(status, code, TITLES[code], detail)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: any exception as a problem document, unknown ones left to Django."""
    error = _translate(error)
    if isinstance(error, SeatholdError):
        headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
        body = of_error(error)
    elif isinstance(error, exceptions.APIException):
        headers = _headers_of(error)
        body = _of_api_exception(error)
    else:
        return None
    set_rollback()
    content_type = _settle_content_type(context["request"])
    return Response(body, status=body["status"], headers=headers, content_type=content_type)


def _translate(error: Exception) -> Exception:
    """Errors of Django and of the database, and bodies that can't be read, as ours or DRF's."""
    if isinstance(error, Http404):
        return NotFound()
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(error, OperationalError | InterfaceError):
        logger.error("database: %s", error)
        return ServiceUnavailable("The database can't be reached, or is too busy.")
    if isinstance(error, RequestDataTooBig):
        return BodyTooLarge()
    if isinstance(error, UnreadablePostError):
        return exceptions.ParseError("The body broke off.")
    if isinstance(error, RecursionError) and _while_parsing(error):
        return exceptions.ParseError("The JSON is nested too deep.")
    return error


def _while_parsing(error: Exception) -> bool:
    """Whether the client's JSON is to blame, and not a loop of ours."""
    frames = walk_tb(error.__traceback__)
    return any(frame.f_code is JSONParser.parse.__code__ for frame, _ in frames)


def _settle_content_type(request: Request) -> str | None:
    """JSON, whatever else the view can render; only the browsable page stays as it is."""
    renderer = getattr(request, "accepted_renderer", None)  # none yet when negotiation failed
    if isinstance(renderer, BrowsableAPIRenderer):
        return None
    if not isinstance(renderer, JSONRenderer):
        request.accepted_renderer = JSONRenderer()
        request.accepted_media_type = JSONRenderer.media_type
    return CONTENT_TYPE


def _headers_of(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return headers


def _of_api_exception(error: exceptions.APIException) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        faults = list(_faults(error.get_full_details()))
        detail = "; ".join(f"{fault['pointer']}: {fault['detail']}" for fault in faults[:5])
        title = TITLES["validation_error"]
        return problem(error.status_code, "validation_error", title, detail, errors=faults)
    code = error.get_codes()
    if isinstance(code, str) and code in TITLES:
        return problem(error.status_code, code, TITLES[code], str(error.detail))
    return of_status(error.status_code, str(error.detail))


def _faults(details: Any, pointer: str = "#") -> Iterator[dict[str, str]]:
    """Flatten DRF's nested details to one entry a fault, with a JSON pointer (RFC 6901)."""
    if _is_fault(details):
        detail = _printable(str(details["message"]))
        yield {"pointer": pointer, "code": details["code"], "detail": detail}
    elif isinstance(details, dict):
        for name, inner in details.items():
            step = "" if name == "non_field_errors" else "/" + _escape(str(name))
            yield from _faults(inner, pointer + step)
    else:
        nested = not all(map(_is_fault, details))
        for index, inner in enumerate(details):
            yield from _faults(inner, f"{pointer}/{index}" if nested else pointer)


def _is_fault(details: Any) -> bool:
    """One fault, and not two fields that are called `message` and `code`."""
    return (
        isinstance(details, dict)
        and set(details) == {"message", "code"}
        and isinstance(details["message"], str)
    )


def _escape(name: str) -> str:
    """A step of a pointer in a URI's fragment: RFC 6901, 3 and 6."""
    return quote(name.replace("~", "~0").replace("/", "~1"), safe="!$&'()*+,;=:@", errors="replace")


def _printable(text: str) -> str:
    """JSON can bring halves of characters (`\\ud800`), which we could not send back."""
    return text.encode(errors="replace").decode()


def wants_html(request: HttpRequest) -> bool:
    """Whether a browser asks: programs that say nothing, or `*/*`, get JSON."""
    return "text/html" in request.headers.get("Accept", "")


def answer(request: HttpRequest, body: dict[str, Any]) -> HttpResponse:
    """A problem outside DRF's views."""
    if wants_html(request):
        return render(request, "problem.html", {"problem": body}, status=body["status"])
    return JsonResponse(body, status=body["status"], content_type=CONTENT_TYPE)


def of_bare_response(request: HttpRequest, bare: HttpResponse) -> HttpResponse:
    """An error without a body as a problem, with the headers that it had."""
    whole = answer(request, of_status(bare.status_code))
    for name, value in bare.items():
        if name not in ("Content-Type", "Content-Length"):
            whole[name] = value
    return whole


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer(request, problem(400, "bad_request", TITLES["bad_request"]))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer(request, problem(403, "permission_denied", TITLES["permission_denied"]))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return answer(request, problem(403, "csrf_failed", TITLES["csrf_failed"]))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer(request, of_error(NotFound()))


def server_error(request: HttpRequest) -> HttpResponse:
    """Unexpected: the log has the traceback under the request id, the answer has no detail."""
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        unavailable = ServiceUnavailable("The database can't be reached, or is too busy.")
        response = answer(request, of_error(unavailable))
        response["Retry-After"] = str(unavailable.retry_after)
        return response
    return answer(request, of_error(SeatholdError()))
