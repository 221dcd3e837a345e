"""The API's description: complete, true to the code, and shown without asking anybody else."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator
from rest_framework.test import APIClient

from common.catalogue import codes
from common.errors import SeatholdError
from common.schema_hooks import examples

# What is no operation of the API: its description, and what describes a problem's code.
NOT_DESCRIBED = {"schema/", "docs/", "problems/<slug:code>/"}
# What only commands, the admin and web servers meet.
NOT_OF_OPERATIONS = {"conflict", "not_disrupted", "not_rebookable"}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return dict(SchemaGenerator().get_schema(request=None, public=True))


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def by_id(schema: dict[str, Any], operation_id: str) -> dict[str, Any]:
    found = [each for _, _, each in operations(schema) if each["operationId"] == operation_id]
    return found[0]


def codes_of(schema: dict[str, Any], response: dict[str, Any]) -> list[str]:
    if "$ref" in response:
        response = schema["components"]["responses"][response["$ref"].rpartition("/")[2]]
    problem = response["content"]["application/problem+json"]["schema"]
    return list(problem["allOf"][1]["properties"]["code"]["enum"])


def paths(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for entry in resolver.url_patterns:
        path = f"{prefix}{entry.pattern}"
        if isinstance(entry, URLPattern):
            yield path
        else:
            yield from paths(entry, path)


def test_it_is_valid(schema):
    validate_schema(schema)


def test_every_path_of_the_api_is_described(schema):
    served = {p.removeprefix("api/v1/") for p in paths(get_resolver()) if p.startswith("api/v1/")}
    described = {path.removeprefix("/api/v1/") for path in schema["paths"]}
    assert {re.sub("{.+?}", "*", path) for path in described} == {
        re.sub("<.+?>", "*", path) for path in served - NOT_DESCRIBED
    }


def test_operations_are_named_as_a_client_would_call_them(schema):
    names = [operation["operationId"] for _, _, operation in operations(schema)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][A-Za-z]+", name) for name in names)
    assert {"createBooking", "payBooking", "searchFlights", "getFlight", "listCities"} <= {*names}
    assert all(operation["summary"] for _, _, operation in operations(schema))


def test_every_problem_of_ours_is_an_answer_of_some_operation(schema):
    answered = {
        code
        for _, _, operation in operations(schema)
        for status, response in operation["responses"].items()
        if status >= "400"
        for code in codes_of(schema, response)
    }
    kinds = [SeatholdError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    ours = {kind.code for kind in kinds if kind.__module__.partition(".")[0] != "tests"}
    assert ours - NOT_OF_OPERATIONS <= answered
    assert answered <= codes().keys()


def test_an_operation_names_its_problems_by_status_and_code(schema):
    responses = by_id(schema, "payBooking")["responses"]
    assert {"400", "401", "402", "403", "404", "409", "413", "415", "422", "429", "503"} <= {
        *responses
    }
    assert "default" not in responses
    assert codes_of(schema, responses["402"]) == ["payment_declined"]
    assert {"booking_expired", "already_booked", "seats_lost"} <= {
        *codes_of(schema, responses["409"])
    }
    assert "idempotency_key_missing" in codes_of(schema, responses["400"])
    assert "idempotency_key_missing" not in codes_of(
        schema, by_id(schema, "createBooking")["responses"]["400"]
    )


def test_who_may_ask_is_what_the_permissions_say(schema):
    def security(name: str) -> list[str]:
        return ["".join(scheme) for scheme in by_id(schema, name).get("security", [{}])]

    assert security("createBooking") == ["token", "session"]
    assert security("getBooking") == ["token", "bookingToken", "session"]
    assert security("holdSeats") == ["serviceSecret"]
    assert security("createFlight") == ["token", "session"]
    assert security("searchFlights") == ["token", "serviceSecret", "session", ""]
    assert security("login") == [""]
    assert "401" not in by_id(schema, "register")["responses"]
    assert codes_of(schema, by_id(schema, "getFlight")["responses"]["401"]) == [
        "authentication_failed"
    ]


def test_headers_that_programs_look_at_are_described(schema):
    operation = by_id(schema, "payBooking")
    key = next(p for p in operation["parameters"] if p["name"] == "Idempotency-Key")
    assert key["required"]
    assert "Idempotency-Replayed" in operation["responses"]["200"]["headers"]
    throttled = schema["components"]["responses"]["Throttled"]["headers"]
    assert throttled["Retry-After"]["required"]
    assert throttled["X-Request-ID"]["required"]
    refused = schema["components"]["responses"]["AuthenticationFailed"]["headers"]
    assert refused["WWW-Authenticate"]["required"]


def test_links_lead_from_what_was_made_to_what_can_be_done_with_it(schema):
    links = by_id(schema, "createBooking")["responses"]["201"]["links"]
    assert {"getBooking", "payBooking", "cancelBooking"} <= links.keys()
    assert links["payBooking"]["parameters"] == {"id": "$response.body#/id"}
    held = by_id(schema, "holdSeats")["responses"]["201"]["links"]
    assert held["confirmHold"]["parameters"]["reference"] == "$request.path.reference"


def test_requests_are_closed_to_unknown_fields(schema):
    requests = {n: s for n, s in schema["components"]["schemas"].items() if n.endswith("Request")}
    assert requests
    assert all(request["additionalProperties"] is False for request in requests.values())


@pytest.mark.parametrize("name", examples())
def test_examples_fit_their_schemas(schema, name):
    operation = by_id(schema, name)
    for example in examples()[name]:
        response = operation["responses"][str(example["status"])]
        if "$ref" in response:
            response = schema["components"]["responses"][response["$ref"].rpartition("/")[2]]
        (content,) = response["content"].values()
        check(schema, content["schema"], example["response"])
        if "request" in example and example["status"] < 400:
            asked = operation["requestBody"]["content"]["application/json"]
            check(schema, asked["schema"], example["request"])


def check(schema: dict[str, Any], part: dict[str, Any], value: Any) -> None:
    Draft202012Validator({**part, "components": schema["components"]}).validate(value)


class Addresses(HTMLParser):
    """All that a page would fetch, and whatever looks like another host's address."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [str(value) for name, value in attrs if name in ("src", "href")]


@pytest.mark.django_db
def test_swagger_ui_comes_from_our_own_files():
    page = APIClient().get("/api/v1/docs/", headers={"Accept": "text/html"})
    html = page.content.decode()
    assert not re.search(r"(https?:)?//[\w.-]+\.\w+", html)
    static = [url for url in Addresses(html).fetched if url.startswith("/static/")]
    assert any(url.endswith("swagger-ui-bundle.js") for url in static)
    assert all(finders.find(url.removeprefix("/static/")) for url in static)
