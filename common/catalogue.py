"""Every code that an error of ours may carry, and what a reader is told about it."""

import re
from functools import cache

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse

from common.errors import SeatholdError
from common.problems import OF_FRAMEWORKS

# | `code` | status | cause | remedy |
ROW = re.compile(r"^\| `(\w+)` \| ([\d, ]+) \| (.+?) \| (.+?) \|$", re.M)


def codes() -> dict[str, tuple[int, str]]:
    """Every code that this process may answer with: its status and its title."""
    known = dict(OF_FRAMEWORKS)
    todo: list[type[SeatholdError]] = [SeatholdError]
    for kind in todo:
        known.setdefault(kind.code, (kind.status_code, kind.title))
        todo.extend(kind.__subclasses__())
    return known


@cache
def guide() -> dict[str, tuple[str, str, str]]:
    """docs/errors.md, where it is installed: by code, its statuses, cause and remedy."""
    page = settings.BASE_DIR / "docs" / "errors.md"
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return {code: (status, cause, remedy) for code, status, cause, remedy in ROW.findall(text)}


def explain(request: HttpRequest, code: str) -> HttpResponse:
    """What a problem's `type` links to."""
    if code not in codes():
        raise Http404
    status, title = codes()[code]
    body = {"code": code, "status": status, "title": title}
    if code in guide():
        body |= dict(zip(("cause", "remedy"), guide()[code][1:], strict=True))
    return JsonResponse(body)
