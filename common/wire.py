"""The JSON on the wire: camelCase outside, snake_case inside, and nothing unknown let in.

The one place that maps names. A serializer declares its fields in snake_case and shows them in
camelCase; errors then name what the client sent. DRF looks up `validate_<field>` by the wire name,
so a hook in snake_case would silently never run: such a class can't be defined.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from common.money import format_amount

BIGINT_MAX = 2**63 - 1


def camelize(name: str) -> str:
    """`no_of_seats` → `noOfSeats`."""
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), name)


class WireMixin:
    """Makes any serializer speak camelCase and refuse fields that it does not know."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in vars(cls):
            if name.startswith("validate_") and "_" in name.removeprefix("validate_"):
                wire = camelize(name.removeprefix("validate_"))
                raise TypeError(f"{cls.__name__}.{name} would never run: name it validate_{wire}")

    def get_fields(self) -> dict[str, serializers.Field]:
        fields = {}
        for name, field in super().get_fields().items():  # type: ignore[misc]
            wire = camelize(name)
            if wire != name and field.source is None:
                field.source = name
            fields[wire] = field
        return fields

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return super().to_internal_value(data)  # type: ignore[misc]
        faults: dict[str, Any] = {
            str(name): [fault]
            for name, value in data.items()
            if (fault := _fault_of(self.fields.get(name), value))  # type: ignore[attr-defined]
        }
        try:
            value = super().to_internal_value(data)  # type: ignore[misc]
        except serializers.ValidationError as error:
            faults = (error.detail if isinstance(error.detail, dict) else {}) | faults
            raise serializers.ValidationError(faults) from error
        if faults:
            raise serializers.ValidationError(faults)
        return value

    @classmethod
    def show(cls, instance: Any) -> dict[str, Any]:
        """The same as `cls(instance).data`, by fields that were built once.

        Building takes longer than all the rest. For what needs no context, and shows one thing.
        """
        return _shower(cls).to_representation(instance)  # type: ignore[arg-type]


@cache
def _shower(serializer: Any) -> Any:
    """One for all threads: nothing of what it has shown stays with it."""
    return serializer()


def _fault_of(field: serializers.Field | None, value: Any) -> serializers.ErrorDetail | None:
    """What DRF would let through: unknown fields, numbers sent as texts and texts as numbers."""
    if field is None or field.read_only:
        return serializers.ErrorDetail("This field is not known here.", "unknown")
    if isinstance(field, serializers.CharField | serializers.UUIDField):
        if isinstance(value, int | float):
            return serializers.ErrorDetail("Send a text.", "invalid")
    elif isinstance(field, serializers.FloatField) and isinstance(value, str):
        return serializers.ErrorDetail("Send a number.", "invalid")
    return None


# No docstrings here: they would describe whatever is derived from these in the API's schema.
class Serializer(WireMixin, serializers.Serializer):
    pass


class FilterSerializer(Serializer):
    """What a list may be asked (`?status=BOOKED`); unknown parameters are refused by name.

    How long a page is and where it begins is the pagination's business.
    """

    def to_internal_value(self, data: Any) -> Any:
        paging = ("limit", "cursor", "format")
        return super().to_internal_value({k: v for k, v in data.items() if k not in paging})

    @classmethod
    def read(cls, request: Request) -> dict[str, Any]:
        """The valid filters of a request, in snake_case. Raises ValidationError."""
        repeated = [name for name, said in request.query_params.lists() if len(said) > 1]
        if repeated:
            raise serializers.ValidationError(
                {name: ["Say this once."] for name in repeated}, code="repeated"
            )
        filters = cls(data=request.query_params.dict())
        filters.is_valid(raise_exception=True)
        return filters.validated_data


class ModelSerializer(WireMixin, serializers.ModelSerializer):
    pass


class StrictIntegerField(serializers.IntegerField):
    """A JSON integer. DRF's own takes "5" and rounds nothing, but we ask for a number."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        if isinstance(data, float):
            if not data.is_integer():
                self.fail("invalid")
            data = int(data)
        return data


class IdField(StrictIntegerField):
    """A numeric id, as PostgreSQL's bigint holds it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=BIGINT_MAX, **kwargs)


class UtcDateTimeField(serializers.DateTimeField):
    """ISO 8601 in UTC with `Z`. Input must carry an offset: a time without a zone means nothing."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(default_timezone=UTC, **kwargs)

    def to_internal_value(self, value: Any) -> datetime:
        moment = super().to_internal_value(value)
        if isinstance(value, str) and not re.search(r"(Z|[+-]\d\d:?\d\d)$", value.strip(), re.I):
            raise serializers.ValidationError(
                "Give the time with its offset, as in 2026-12-24T09:30:00Z.", code="no_offset"
            )
        return moment

    def to_representation(self, value: datetime | str) -> str:
        return value if isinstance(value, str) else to_wire_time(value)


@extend_schema_field(OpenApiTypes.DATETIME)
class LocalDateTimeField(serializers.Field):
    """A time as clocks at the place show it: ISO 8601 with its offset. Output only."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, **kwargs)

    def to_representation(self, value: datetime) -> str:
        return value.isoformat()


class AmountField(serializers.DecimalField):
    """Money as a decimal string. The object it is read from says the currency (ISO 4217).

    Up to 15 digits, as in the database; a seat's price has at most 12, so that any booking fits.
    """

    def __init__(self, *, max_digits: int = 15, **kwargs: Any) -> None:
        super().__init__(max_digits=max_digits, decimal_places=3, **kwargs)

    def to_internal_value(self, data: Any) -> Decimal:
        if not isinstance(data, str | int) or isinstance(data, bool):
            self.fail("invalid")  # a JSON fraction has already lost its exactness
        if isinstance(data, str) and not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", data):
            self.fail("invalid")  # Decimal takes "1_000" and "1e3", too
        return super().to_internal_value(data)

    def get_attribute(self, instance: Any) -> Any:
        amount = super().get_attribute(instance)
        if amount is None:
            return None
        currency = instance["currency"] if isinstance(instance, Mapping) else instance.currency
        return format_amount(amount, currency)

    def to_representation(self, value: Any) -> str:
        return str(value)


def to_wire_time(moment: datetime) -> str:
    """UTC, ISO 8601, with `Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
