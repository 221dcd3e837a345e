"""camelCase outside, snake_case inside, and nothing that is unknown or ambiguous let in."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from common.wire import (
    AmountField,
    FilterSerializer,
    IdField,
    LocalDateTimeField,
    Serializer,
    StrictIntegerField,
    UtcDateTimeField,
    camelize,
    to_wire_time,
)


class SeatSerializer(Serializer):
    row_number = StrictIntegerField()
    window = serializers.BooleanField(default=False)


class OrderSerializer(Serializer):
    no_of_seats = StrictIntegerField()
    flight_id = IdField(required=False)
    seats = SeatSerializer(many=True, required=False)
    total_cost = serializers.CharField(read_only=True)
    shown_price = serializers.CharField(source="price", read_only=True)


def valid(data: Any, serializer: type[Serializer] = OrderSerializer) -> dict[str, Any]:
    form = serializer(data=data)
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def faults_of(data: Any, serializer: type[Serializer] = OrderSerializer) -> Any:
    with pytest.raises(ValidationError) as refused:
        valid(data, serializer)
    return refused.value.get_codes()


@pytest.mark.parametrize(
    ("name", "wire"),
    [("id", "id"), ("no_of_seats", "noOfSeats"), ("line_2", "line2"), ("requestId", "requestId")],
)
def test_names_in_camel_case(name: str, wire: str) -> None:
    assert camelize(name) == wire


def test_camel_case_comes_in_and_snake_case_is_inside() -> None:
    body = {"noOfSeats": 2, "flightId": 1, "seats": [{"rowNumber": 7, "window": True}]}
    assert valid(body) == {
        "no_of_seats": 2,
        "flight_id": 1,
        "seats": [{"row_number": 7, "window": True}],
    }


def test_snake_case_is_inside_and_camel_case_goes_out() -> None:
    order = {"no_of_seats": 2, "flight_id": 1, "total_cost": "1", "price": "5", "seats": []}
    assert OrderSerializer(order).data == {
        "noOfSeats": 2,
        "flightId": 1,
        "seats": [],
        "totalCost": "1",
        "shownPrice": "5",
    }


@pytest.mark.parametrize(
    "name", ["x", "no_of_seats", "NoOfSeats", "totalCost", "shownPrice", "price", "", "a b"]
)
def test_unknown_and_read_only_fields_are_refused_by_name(name: str) -> None:
    assert faults_of({"noOfSeats": 1, name: 1}) == {name: ["unknown"]}


def test_all_unknown_fields_are_named_at_once_and_nested_ones_too() -> None:
    assert faults_of({"noOfSeats": 1, "a": 1, "b": 2}) == {"a": ["unknown"], "b": ["unknown"]}
    seats = [{"rowNumber": 1}, {"rowNumber": 2, "row_number": 2}]
    assert faults_of({"noOfSeats": 1, "seats": seats})["seats"][1] == {"row_number": ["unknown"]}


def test_unknown_fields_and_wrong_values_are_named_together() -> None:
    assert faults_of({"noOfSeats": "two", "a": 1}) == {"a": ["unknown"], "noOfSeats": ["invalid"]}


class TypedSerializer(Serializer):
    name = serializers.CharField(required=False)
    first_reference = serializers.UUIDField(required=False)
    latitude = serializers.FloatField(required=False, allow_null=True)


@pytest.mark.parametrize(
    "body", [{"name": 7}, {"name": 1.5}, {"name": True}, {"firstReference": 7}, {"latitude": "7"}]
)
def test_what_json_tells_apart_is_not_turned_into_another_type(body: dict[str, Any]) -> None:
    assert faults_of(body, TypedSerializer) == {name: ["invalid"] for name in body}


def test_a_number_is_a_number_and_may_be_null() -> None:
    assert valid({"latitude": 7}, TypedSerializer) == {"latitude": 7.0}
    assert valid({"latitude": None}, TypedSerializer) == {"latitude": None}


def test_a_hook_that_would_never_run_stops_its_class() -> None:
    with pytest.raises(TypeError, match="validate_noOfSeats"):
        type("Bad", (Serializer,), {"validate_no_of_seats": lambda self, value: value})


def test_a_hook_by_its_wire_name_runs() -> None:
    class Doubled(OrderSerializer):
        def validate_noOfSeats(self, value: int) -> int:
            return value * 2

    assert valid({"noOfSeats": 2}, Doubled) == {"no_of_seats": 4}


@pytest.mark.parametrize(("sent", "value"), [(0, 0), (-3, -3), (2.0, 2), (10**30, 10**30)])
def test_a_json_integer_is_an_integer(sent: Any, value: int) -> None:
    taken = StrictIntegerField().run_validation(sent)
    assert taken == value
    assert type(taken) is int


@pytest.mark.parametrize(
    "sent", ["5", "", True, False, 1.5, [1], {}, float("inf"), float("nan"), 1e-9]
)
@pytest.mark.parametrize("field", [StrictIntegerField(), IdField()])
def test_what_is_no_json_integer_is_refused(field: serializers.Field, sent: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        field.run_validation(sent)
    assert refused.value.get_codes() == ["invalid"]


def test_an_id_is_what_a_bigint_holds() -> None:
    assert IdField().run_validation(1) == 1
    assert IdField().run_validation(2**63 - 1) == 2**63 - 1
    for sent in (0, -1, 2**63, 1e300, 10**4000):
        with pytest.raises(ValidationError):
            IdField().run_validation(sent)


@pytest.mark.parametrize(
    ("sent", "moment"),
    [
        ("2026-12-24T09:30:00Z", datetime(2026, 12, 24, 9, 30, tzinfo=UTC)),
        ("2026-12-24T09:30Z", datetime(2026, 12, 24, 9, 30, tzinfo=UTC)),
        ("2026-12-24 09:30:00+00:00", datetime(2026, 12, 24, 9, 30, tzinfo=UTC)),
        ("2026-12-24T15:00:00+05:30", datetime(2026, 12, 24, 9, 30, tzinfo=UTC)),
        ("2026-12-24T15:00:00+0530", datetime(2026, 12, 24, 9, 30, tzinfo=UTC)),
        ("2026-12-23T23:30:00.123456-10:00", datetime(2026, 12, 24, 9, 30, 0, 123456, tzinfo=UTC)),
    ],
)
def test_a_time_with_its_offset_is_taken(sent: str, moment: datetime) -> None:
    assert UtcDateTimeField().run_validation(sent) == moment


@pytest.mark.parametrize(
    "sent", ["2026-12-24T09:30:00", "2026-12-24 09:30", "2026-12-24", "20261224T0930"]
)
def test_a_time_without_offset_means_nothing(sent: str) -> None:
    with pytest.raises(ValidationError) as refused:
        UtcDateTimeField().run_validation(sent)
    assert refused.value.get_codes() == ["no_offset"]


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "soon",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2026-12-24T09:30:00Z\0",
        "2026-12-24T09:30:00+25:00",
        1766568600,
        True,
        [],
        {},
        "9" * 5000 + "Z",
    ],
)
def test_what_is_no_time_is_refused(sent: Any) -> None:
    with pytest.raises(ValidationError):
        UtcDateTimeField().run_validation(sent)


def test_times_go_out_in_utc_with_z() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    moment = datetime(2026, 12, 24, 15, 0, tzinfo=india)
    assert UtcDateTimeField().to_representation(moment) == "2026-12-24T09:30:00Z"
    assert to_wire_time(moment.replace(microsecond=5)) == "2026-12-24T09:30:00.000005Z"
    assert UtcDateTimeField().to_representation("2026-12-24T09:30:00Z") == "2026-12-24T09:30:00Z"


def test_a_local_time_goes_out_with_its_offset_and_never_comes_in() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    moment = datetime(2026, 12, 24, 15, 0, tzinfo=india)
    assert LocalDateTimeField().to_representation(moment) == "2026-12-24T15:00:00+05:30"
    assert LocalDateTimeField().read_only


class PriceSerializer(Serializer):
    price = AmountField()
    refund = AmountField(required=False, allow_null=True)


@pytest.mark.parametrize(
    ("sent", "amount"),
    [
        ("35000.00", "35000.00"),
        ("0.1", "0.1"),
        (35000, "35000"),
        ("-5", "-5"),
        ("007", "7"),
        ("999999999999.999", "999999999999.999"),
    ],
)
def test_an_amount_is_taken_exactly(sent: Any, amount: str) -> None:
    taken = valid({"price": sent}, PriceSerializer)["price"]
    assert isinstance(taken, Decimal)
    assert taken == Decimal(amount)


@pytest.mark.parametrize(
    "sent",
    [
        0.1,
        35000.0,
        True,
        "",
        " ",
        "abc",
        "1,000",
        "1_000",
        "1e3",
        "+5",
        ".5",
        "5.",
        "5\n",
        " 5",
        "\u0665",
        "NaN",
        "sNaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "0x10",
        "1" * 2000,
        10**4000,
        "1.0001",
        "1234567890123.999",
        [],
        {},
        None,
        "5\0",
    ],
)
def test_what_is_no_exact_amount_is_refused(sent: Any) -> None:
    assert set(faults_of({"price": sent}, PriceSerializer)) == {"price"}


@pytest.mark.parametrize(
    ("currency", "shown"), [("INR", "1234.50"), ("JPY", "1234"), ("KWD", "1234.500")]
)
def test_an_amount_goes_out_as_its_currency_writes_it(currency: str, shown: str) -> None:
    row = {"price": Decimal("1234.5"), "refund": None, "currency": currency}
    assert PriceSerializer(row).data == {"price": shown, "refund": None}
    assert PriceSerializer(SimpleNamespace(**row)).data == {"price": shown, "refund": None}


class BookingFilters(FilterSerializer):
    flight_id = serializers.IntegerField(required=False)
    status = serializers.ChoiceField(choices=["BOOKED"], required=False)


def read(query: str) -> dict[str, Any]:
    return BookingFilters.read(Request(APIRequestFactory().get(f"/?{query}")))


@pytest.mark.parametrize(
    ("query", "filters"),
    [
        ("", {}),
        ("flightId=3&status=BOOKED", {"flight_id": 3, "status": "BOOKED"}),
        ("limit=5&cursor=x&format=json", {}),
    ],
)
def test_filters_are_read_and_paging_is_left_to_the_pages(
    query: str, filters: dict[str, Any]
) -> None:
    assert read(query) == filters


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("flight_id=3", {"flight_id": ["unknown"]}),
        ("x=1&y=2", {"x": ["unknown"], "y": ["unknown"]}),
        ("status=booked", {"status": ["invalid_choice"]}),
        ("status=", {"status": ["invalid_choice"]}),
        ("status=%00", {"status": ["invalid_choice"]}),
        ("flightId=x", {"flightId": ["invalid"]}),
        ("flightId=1&flightId=2", {"flightId": ["repeated"]}),
        ("limit=1&limit=2", {"limit": ["repeated"]}),
    ],
)
def test_other_filters_are_refused_by_name(query: str, faults: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        read(query)
    assert refused.value.get_codes() == faults


class RowSerializer(Serializer):
    """Two levels, and a value that is worked out."""

    row_number = StrictIntegerField()
    seats = SeatSerializer(many=True)
    count = serializers.SerializerMethodField("count_seats")

    def count_seats(self, row: Any) -> int:
        return len(row.seats)


def test_showing_is_the_same_as_serializing_each_time_anew() -> None:
    for number in (1, 2):
        seats = [SimpleNamespace(row_number=number, window=True)] * number
        row = SimpleNamespace(row_number=number, seats=seats)
        assert RowSerializer.show(row) == RowSerializer(row).data
