"""docs/errors.md lists every code, and no other; what a problem's `type` links to says the same."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from common import catalogue
from common.errors import SeatholdError
from common.problems import OF_FRAMEWORKS

ROOT = Path(__file__).resolve().parents[2]
APPS = ("accounts", "bookings", "common", "flights", "payments")


def kinds() -> Iterator[type[SeatholdError]]:
    """Every error that any module of ours defines, whatever this process serves."""
    for app in APPS:
        package = importlib.import_module(app)
        for module in pkgutil.iter_modules(package.__path__, f"{app}."):
            importlib.import_module(module.name)
    todo = [SeatholdError]
    for kind in todo:
        todo.extend(kind.__subclasses__())
        if kind.__module__.split(".")[0] in APPS:
            yield kind


def answered() -> set[tuple[str, str]]:
    """Each code and status that the code can answer with, proxy and web server included."""
    pairs = {(kind.code, str(kind.status_code)) for kind in kinds()}
    pairs |= {(code, str(status)) for code, (status, _) in OF_FRAMEWORKS.items()}
    for outside in ("docker-compose.yml", "common/bridge.py"):
        text = re.sub(r"'\s*b'", "", (ROOT / outside).read_text())
        pairs |= {
            (code, status)
            for status, code in re.findall(r'"status": (\d+),\s*"code": "(\w+)"', text)
        }
    return pairs


def test_every_code_is_in_the_list_with_its_status() -> None:
    listed = {(code, status) for code, (status, _, _) in catalogue.guide().items()}
    assert answered() - listed == set()


def test_the_list_has_no_code_that_nothing_answers() -> None:
    assert set(catalogue.guide()) - {code for code, _ in answered()} == set()


def test_every_row_of_the_list_is_read_once() -> None:
    page = (ROOT / "docs" / "errors.md").read_text()
    rows = re.findall(r"^\| `", page, re.M)
    assert len(rows) == len(catalogue.ROW.findall(page)) == len(catalogue.guide())


def test_the_type_of_a_problem_links_to_cause_and_remedy(client: Client) -> None:
    body = client.get("/api/v1/problems/seats_unavailable/").json()
    assert list(body) == ["code", "status", "title", "cause", "remedy"]
    assert (body["status"], body["remedy"]) == (409, "Take fewer seats, or another flight.")


def test_where_the_docs_are_not_installed_it_links_to_the_title(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "guide", dict)
    assert client.get("/api/v1/problems/throttled/").json() == {
        "code": "throttled",
        "status": 429,
        "title": OF_FRAMEWORKS["throttled"][1],
    }
