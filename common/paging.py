"""Keyset paging: pages that neither skip nor repeat a row while rows come and go.

Any sort whose last key is unique. (DRF's CursorPagination counts offsets among equal keys, and
sticks when a page is full of them.)
"""

import base64
import json
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DataError
from django.db.models import BooleanField, F, Field, Func, Q, Value
from django.utils.timezone import is_naive
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param


class KeysetPagination(BasePagination):
    """`?limit=50&cursor=…`; a view says its sort in `ordering`, or per request in `get_ordering`.

    Sort keys are fields or annotations that are never null, "-" before those that fall; the last
    is unique.
    """

    default_limit = 50
    max_limit = 200

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.url = request.build_absolute_uri()
        self.ordering = (
            view.get_ordering() if hasattr(view, "get_ordering") else tuple(view.ordering)
        )
        limit = self._limit(request)
        cursor = self._cursor(request, queryset)
        backwards = cursor is not None and cursor["d"] == "p"
        ordering = tuple(map(_turn, self.ordering)) if backwards else self.ordering
        if cursor is not None:
            fields = [_field_of(queryset, name.lstrip("-")) for name in ordering]
            queryset = queryset.filter(_beyond(ordering, fields, cursor["k"]))
        try:
            rows = list(queryset.order_by(*ordering)[: limit + 1])
        except DataError as error:  # keys that were made up, and that PostgreSQL can't compare
            raise _foreign_cursor() from error
        more, rows = len(rows) > limit, rows[:limit]
        if backwards:
            rows.reverse()
        self.next_link = self._link("n", rows[-1:] if more or backwards else [])
        self.previous_link = self._link("p", rows[:1] if cursor and (more or not backwards) else [])
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self.next_link, "previous": self.previous_link})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {
                "results": schema,
                "next": link,
                "previous": link,
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        limit = {
            "type": "integer",
            "minimum": 1,
            "maximum": self.max_limit,
            "default": self.default_limit,
        }
        return [
            {"name": "limit", "in": "query", "description": "Rows a page.", "schema": limit},
            {
                "name": "cursor",
                "in": "query",
                "description": "Where a page begins: taken from `next` or `previous`, never made.",
                "schema": {"type": "string"},
            },
        ]

    def _limit(self, request: Request) -> int:
        text = request.query_params.get("limit", str(self.default_limit))
        if text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= self.max_limit:
            return int(text)
        raise ValidationError(
            {"limit": [f"A page holds 1 to {self.max_limit} rows."]}, code="invalid"
        )

    def _cursor(self, request: Request, queryset: Any) -> dict[str, Any] | None:
        text = request.query_params.get("cursor")
        if text is None:
            return None
        try:
            cursor = json.loads(base64.urlsafe_b64decode(text.encode("ascii")))
            if cursor["o"] != list(self.ordering) or cursor["d"] not in ("n", "p"):
                raise ValueError("a cursor of another list")
            cursor["k"] = [
                _key(_field_of(queryset, name.lstrip("-")), value)
                for name, value in zip(self.ordering, cursor["k"], strict=True)
            ]
        except (
            ValueError,
            ArithmeticError,
            LookupError,
            TypeError,
            RecursionError,
            DjangoValidationError,
        ) as error:
            raise _foreign_cursor() from error
        return cursor

    def _link(self, direction: str, edge: list[Any]) -> str | None:
        if not edge:
            return None
        keys = [getattr(edge[0], name.lstrip("-")) for name in self.ordering]
        cursor = {"d": direction, "o": self.ordering, "k": keys}
        packed = json.dumps(cursor, cls=_ExactEncoder, separators=(",", ":")).encode()
        return replace_query_param(
            self.url, "cursor", base64.urlsafe_b64encode(packed).decode("ascii")
        )


class _ExactEncoder(DjangoJSONEncoder):
    """DjangoJSONEncoder cuts times to milliseconds; a key must come back as it was."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if hasattr(o, "isoformat") else super().default(o)


def _foreign_cursor() -> ValidationError:
    return ValidationError(
        {"cursor": ["This cursor does not belong to this list and sort."]}, code="invalid"
    )


def _turn(key: str) -> str:
    return key[1:] if key.startswith("-") else "-" + key


def _field_of(queryset: Any, name: str) -> "Field[Any, Any]":
    """What a sort key's values are made of."""
    if name in queryset.query.annotations:
        return queryset.query.annotations[name].output_field
    return queryset.model._meta.get_field(name)


def _key(field: "Field[Any, Any]", value: Any) -> Any:
    """A key of a cursor as the field has it. A cursor comes from outside: nothing odd gets by."""
    key = field.to_python(value)
    if key is None or (isinstance(key, datetime) and is_naive(key)):
        raise ValueError("no key of ours")
    if isinstance(key, str) and "\0" in key:
        raise ValueError("PostgreSQL's texts have no NUL")
    str(key).encode()  # nor half a character: UnicodeEncodeError is a ValueError
    return key


def _beyond(ordering: tuple[str, ...], fields: "list[Field[Any, Any]]", values: list[Any]) -> Any:
    """Rows after `values` in `ordering`: where PostgreSQL can begin to read an index.

    Keys that all go one way are compared as a row, (a, b) > (x, y): reading begins right behind
    the last row, however many rows are equal in `a`. With mixed directions that is spelled out,
    a >= x AND (a > x OR (a = x AND b < y)): reading begins at the first row equal in `a`.
    """
    names = [key.lstrip("-") for key in ordering]
    signs = ["lt" if key.startswith("-") else "gt" for key in ordering]
    if len(set(signs)) == 1:
        wrapped = [Value(value, field) for value, field in zip(values, fields, strict=True)]
        return Func(
            _row(*map(F, names)),
            _row(*wrapped),
            template="%(expressions)s",
            arg_joiner=" < " if signs[0] == "lt" else " > ",
            output_field=BooleanField(),
        )
    beyond = Q(**{f"{names[-1]}__{signs[-1]}": values[-1]})
    for name, sign, value in reversed(list(zip(names, signs, values, strict=True))[:-1]):
        beyond = Q(**{f"{name}__{sign}": value}) | (Q(**{name: value}) & beyond)
    return Q(**{f"{names[0]}__{signs[0]}e": values[0]}) & beyond


def _row(*columns: Any) -> Func:
    return Func(*columns, template="(%(expressions)s)", output_field=BooleanField())
