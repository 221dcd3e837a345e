"""The Idempotency-Key header: the caller's name for one intent, however often it is sent."""

import re
from typing import Literal, overload

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from common.errors import IdempotencyKeyInvalid, IdempotencyKeyMissing

HEADER = "Idempotency-Key"
REPLAYED = {"Idempotency-Replayed": "true"}  # goes with an answer that an earlier request made
MAX_LENGTH = 255
WELL_FORMED = rf"^[\x21-\x7e]{{1,{MAX_LENGTH}}}\Z"


@overload
def read_key(request: Request, *, required: Literal[True]) -> str: ...
@overload
def read_key(request: Request, *, required: bool) -> str | None: ...
def read_key(request: Request, *, required: bool) -> str | None:
    """The request's key: 1 to 255 visible ASCII characters; None where it may be missing.

    Two headers reach us as one, joined by a comma and a space (RFC 9110, 5.2), which is none.
    Raises IdempotencyKeyMissing and IdempotencyKeyInvalid.
    """
    key = request.headers.get(HEADER)
    if key is None:
        if required:
            raise IdempotencyKeyMissing
        return None
    if not re.match(WELL_FORMED, key):
        raise IdempotencyKeyInvalid
    return key


def key_parameter(*, required: bool) -> OpenApiParameter:
    """The header in the OpenAPI document."""
    return OpenApiParameter(
        HEADER,
        {"type": "string", "pattern": r"^[\x21-\x2b\x2d-\x7e]+$", "maxLength": MAX_LENGTH},
        OpenApiParameter.HEADER,
        required=required,
        description="1 to 255 visible ASCII characters. The same key again answers the same.",
    )
