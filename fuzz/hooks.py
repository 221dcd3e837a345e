"""What Schemathesis can't know of us. It loads this module by its name in schemathesis.toml."""

import os
from typing import Any

import requests
import schemathesis

# A caller who ended its own token would be a stranger from then on: these end others.
ENDING = ("logout", "logoutAll")
THROW_AWAY = "traveller2"


@schemathesis.auth(refresh_interval=None)
class WhoAsks:
    """The caller of fuzz/run.py, by its `Authorization`; a stranger has none."""

    def get(self, case: Any, ctx: Any) -> str | None:
        authorization = os.environ.get("FUZZ_AUTHORIZATION")
        if authorization and ctx.operation.definition.raw["operationId"] in ENDING:
            return _log_in(os.environ["FUZZ_SITE"])
        return authorization

    def set(self, case: Any, data: str | None, ctx: Any) -> None:
        if data:
            case.headers["Authorization"] = data


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Whether a failure counts: the payment provider breaks when `tok_error_once` tells it to."""
    return b'"provider_broke"' not in response.content


@schemathesis.check
def problem_fits_its_answer(ctx: Any, response: Any, case: Any) -> None:
    """A problem names the status and the request id of the answer that it comes in."""
    if response.headers.get("content-type") != ["application/problem+json"]:
        return
    problem = response.json()
    if "requestId" in problem:
        assert problem["status"] == response.status_code
        assert [problem["requestId"]] == response.headers["x-request-id"]


def _log_in(site: str) -> str:
    account = {"username": THROW_AWAY, "password": THROW_AWAY}
    answer = requests.post(f"{site}/api/v1/auth/login/", json=account, timeout=30)
    return f"Token {answer.json()['token']}"
