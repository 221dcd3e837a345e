import pytest

from payments.states import PaymentStatus

pytestmark = pytest.mark.django_db

URL = "/admin/payments/payment/"


@pytest.mark.parametrize("field", ["pk", "reference", "idempotency_key"])
def test_support_finds_a_payment_by(admin_client, make_payment, field):
    wanted, other = make_payment(), make_payment()

    page = admin_client.get(URL, {"q": str(getattr(wanted, field))})

    assert list(page.context["cl"].result_list) == [wanted]
    assert other not in page.context["cl"].result_list


def test_support_sees_a_payment_with_its_refunds(admin_client, make_payment):
    payment = make_payment(status=PaymentStatus.SUCCEEDED)
    payment.refunds.create(idempotency_key="key-of-the-refund", amount=10)

    page = admin_client.get(f"{URL}{payment.pk}/change/")

    assert "key-of-the-refund" in page.content.decode()
    assert b'name="_save"' not in page.content


def test_nobody_writes_money_by_hand(admin_client, make_payment):
    payment = make_payment()

    assert admin_client.get(f"{URL}add/").status_code == 403
    assert admin_client.post(f"{URL}{payment.pk}/delete/").status_code == 403
    change = admin_client.post(f"{URL}{payment.pk}/change/", {"status": "SUCCEEDED"})
    assert change.status_code == 403
    payment.refresh_from_db()
    assert payment.status == "REQUIRES_CAPTURE"
