import pytest
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from common.errors import IdempotencyKeyInvalid, IdempotencyKeyMissing
from common.idempotency import read_key


def request_with(key: str | None) -> Request:
    headers = {} if key is None else {"Idempotency-Key": key}
    return Request(APIRequestFactory().post("/", headers=headers))


@pytest.mark.parametrize("key", ["a", "!", "~", "x" * 255, '"quoted"', "a,b"])
@pytest.mark.parametrize("required", [True, False])
def test_a_key_of_visible_ascii_is_read(key: str, required: bool) -> None:
    assert read_key(request_with(key), required=required) == key


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "é", "a\n", "a\0", "\x7f", "a, b"])
@pytest.mark.parametrize("required", [True, False])
def test_any_other_key_is_refused(key: str, required: bool) -> None:
    with pytest.raises(IdempotencyKeyInvalid):
        read_key(request_with(key), required=required)


def test_a_key_may_be_missing_only_where_it_is_not_required() -> None:
    assert read_key(request_with(None), required=False) is None
    with pytest.raises(IdempotencyKeyMissing):
        read_key(request_with(None), required=True)
