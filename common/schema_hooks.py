"""What is added to the API's description when all operations are known: links and examples."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.conf import settings

Operations = dict[tuple[str, str], dict[str, Any]]  # by path and method
MADE = ("200", "201")  # the answers that show what a request made, or found
PROBLEM = "application/problem+json"
EXAMPLES = settings.BASE_DIR / "booking_project" / "examples.json"


def add_links(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """From what makes, changes or shows something to all that can be done with it next."""
    operations = _operations(result)
    for (path, method), operation in operations.items():
        links = dict(_links(path, method, operations))
        for status in MADE:
            if links and status in operation["responses"]:
                operation["responses"][status]["links"] = links
    return result


def _links(path: str, method: str, operations: Operations) -> Iterator[tuple[str, dict[str, Any]]]:
    """`POST bookings/` leads to `bookings/{id}/`, and that to `bookings/{id}/cancel/`."""
    if method == "delete":
        return
    known = {name: f"$request.path.{name}" for name in re.findall(r"{(\w+)}", path)}
    for (other, verb), operation in operations.items():
        new = (
            re.findall(r"{(\w+)}", other.removeprefix(path)) if other.startswith(path) else ["", ""]
        )
        below = not new and known and (other, verb) != (path, method)
        makes = method == "post" and other.startswith(f"{path}{{")
        made = makes and (len(new) == 1 or verb == "put")  # PUT: under a name of one's own
        if below or made:
            shown = {name: f"$response.body#/{_shown(name)}" for name in new[:1]}
            link = {"operationId": operation["operationId"], "parameters": {**known, **shown}}
            yield operation["operationId"], link


def _shown(parameter: str) -> str:
    """What a resource itself calls the parameter of its path: its `id`, but for `code`."""
    return "id" if parameter.endswith("id") else parameter


def add_examples(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Requests that were sent and answers that came: tests/system/test_examples.py plays them."""
    for operation in _operations(result).values():
        for example in examples().get(operation["operationId"], ()):
            _show(operation, example)
    return result


@cache
def examples() -> dict[str, list[dict[str, Any]]]:
    """By operation: what was sent (`request`, maybe) and answered (`status`, `response`)."""
    return json.loads(EXAMPLES.read_text())


def _show(operation: dict[str, Any], example: dict[str, Any]) -> None:
    name = example["name"]
    if "request" in example and example["status"] < 400:
        body = operation["requestBody"]["content"]["application/json"]
        body.setdefault("examples", {})[name] = {"value": example["request"]}
    response = operation["responses"][str(example["status"])]
    if "$ref" not in response and example.get("response") is not None:
        kind = PROBLEM if example["status"] >= 400 else "application/json"
        content = response["content"][kind]
        content.setdefault("examples", {})[name] = {"value": example["response"]}


def _operations(result: dict[str, Any]) -> Operations:
    return {
        (path, method): operation
        for path, item in result["paths"].items()
        for method, operation in item.items()
    }
