from collections.abc import Callable
from decimal import Decimal
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from common.service_auth import service_authorization
from payments.models import Payment
from payments.states import DeclineCode, PaymentStatus


@pytest.fixture
def service() -> APIClient:
    """A client that shows the secret of our services."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=service_authorization())
    return client


@pytest.fixture
def make_payment() -> Callable[..., Payment]:
    def make(**fields: object) -> Payment:
        status = fields.get("status", PaymentStatus.REQUIRES_CAPTURE)
        declined = DeclineCode.CARD_DECLINED if status == PaymentStatus.FAILED else None
        defaults = {
            "idempotency_key": uuid4().hex,
            "reference": uuid4(),
            "amount": Decimal(100),
            "currency": "INR",
            "payment_method": "tok_visa",
            "status": status,
            "decline_code": declined,
        }
        return Payment.objects.create(**defaults | fields)

    return make
