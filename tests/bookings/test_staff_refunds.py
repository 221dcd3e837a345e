"""Money that staff give back for a reason of their own: bounded, named, and once."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from bookings import outbox, services
from bookings.models import Booking, Refund, RefundRule
from tests.bookings.others import REFUND, OtherServices

pytestmark = pytest.mark.django_db


@pytest.fixture
def finance(db: None) -> APIClient:
    client = APIClient()
    client.force_authenticate(User.objects.create_superuser("fay"))
    return client


@pytest.fixture
def paid(booking: Booking, others: OtherServices) -> Booking:
    others.all_well()
    others.refund()
    services.pay(booking_id=booking.pk, key="k", payment_method="tok_visa")
    return booking


def refund(
    api: APIClient, booking: Booking, amount: str, key: str = "r", reason: str = "a wet seat"
) -> tuple[int, dict[str, Any]]:
    answer = api.post(
        f"/api/v1/bookings/{booking.pk}/refunds/",
        {"amount": amount, "reason": reason},
        headers={"Idempotency-Key": key},
    )
    return answer.status_code, answer.json()


def test_some_of_the_money_is_given_back_and_it_is_known_why_and_by_whom(
    finance: APIClient, paid: Booking, others: OtherServices
) -> None:
    status, body = refund(finance, paid, "2500.00")
    assert (status, body["amount"], body["currency"]) == (201, "2500.00", "INR")
    made = Refund.objects.get()
    assert (made.reason, made.requested_by) == ("a wet seat", User.objects.get(username="fay"))
    while outbox.relay():
        pass
    assert others.sent(REFUND) == [{"amount": "2500.00"}]
    assert paid.messages.filter(kind="REFUNDED").count() == 1


def test_the_same_key_refunds_once(finance: APIClient, paid: Booking) -> None:
    first, again = refund(finance, paid, "2500.00"), refund(finance, paid, "2500.00")
    assert (again[0], again[1]["id"]) == (201, first[1]["id"])
    assert refund(finance, paid, "2500.01")[1]["code"] == "idempotency_key_reused"
    assert Refund.objects.count() == 1


def test_no_more_than_was_paid_is_given_back(finance: APIClient, paid: Booking) -> None:
    assert refund(finance, paid, "6000.00", "one")[0] == 201
    status, body = refund(finance, paid, "4000.01", "two")
    assert (status, body["code"], body["refundable"]) == (409, "refund_too_large", "4000.00")
    assert refund(finance, paid, "4000.00", "two")[0] == 201
    assert refund(finance, paid, "0.01", "three")[1]["code"] == "refund_too_large"


def test_what_was_refunded_before_does_not_come_back_twice(
    finance: APIClient, api: APIClient, paid: Booking
) -> None:
    refund(finance, paid, "6000.00")
    RefundRule.objects.create(hours_before=0, percent=Decimal(75))
    body = api.post(f"/api/v1/bookings/{paid.pk}/cancel/").json()
    assert body["cancellations"][0]["refund"] == "4000.00"
    assert body["payments"][0]["amountRefunded"] == "10000.00"


def test_only_captured_money_is_given_back(
    finance: APIClient, make_booking: Callable[..., Booking]
) -> None:
    assert refund(finance, make_booking(), "1.00")[1]["code"] == "nothing_to_refund"


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "1e3", "many"])
def test_what_is_no_amount_is_refused(finance: APIClient, paid: Booking, amount: str) -> None:
    status, body = refund(finance, paid, amount)
    assert (status, body["errors"][0]["pointer"]) == (400, "#/amount")


def test_travellers_refund_nothing(api: APIClient, paid: Booking) -> None:
    assert refund(api, paid, "1.00")[0] == 403


def test_the_admin_shows_what_the_rules_do(client: Any) -> None:
    client.force_login(User.objects.create_superuser("ada"))
    page = "/admin/bookings/refundrule/"
    assert "everything comes back until departure" in client.get(page).content.decode()
    RefundRule.objects.create(hours_before=72, percent=75)
    text = client.get(page).content.decode()
    assert "7500.00 INR" in text
    assert "72 hours, one second later" in text


def test_the_admin_says_which_rule_makes_no_sense(client: Any) -> None:
    client.force_login(User.objects.create_superuser("ada"))
    form = {"fare": "", "currency": "", "hours_before": "1", "percent": "50", "fee": "5"}
    page = client.post("/admin/bookings/refundrule/add/", form).content.decode()
    assert "needs a currency" in page
    assert RefundRule.objects.count() == 0
