from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from payments.models import Payment
from payments.states import PaymentStatus

pytestmark = pytest.mark.django_db

URL = "/api/v1/payments/"
REFERENCE = "0b3f4d1e-8f5c-4d1c-9f62-3c1d3b8a4e11"
BODY = {
    "reference": REFERENCE,
    "amount": "35000.00",
    "currency": "INR",
    "paymentMethod": "tok_visa",
}


def authorise(client, key="key", **fields):
    return client.post(URL, BODY | fields, headers={"Idempotency-Key": key})


def refund(client, payment, amount, key="refund-key"):
    return client.post(
        f"{URL}{payment.pk}/refunds/", {"amount": amount}, headers={"Idempotency-Key": key}
    )


def faults(response):
    assert response.status_code == 400
    return {fault["pointer"] for fault in response.json()["errors"]}


REQUESTS = [
    ("get", URL),
    ("post", URL),
    ("get", f"{URL}1/"),
    ("post", f"{URL}1/capture/"),
    ("post", f"{URL}1/void/"),
    ("post", f"{URL}void/"),
    ("post", f"{URL}1/refunds/"),
]


@pytest.mark.parametrize(("method", "url"), REQUESTS)
def test_only_services_come_in(method, url):
    client = APIClient()
    assert getattr(client, method)(url).status_code == 401

    for person in (User(username="traveller"), User(username="staff", is_staff=True)):
        client.force_authenticate(person)
        assert getattr(client, method)(url).status_code == 403


def test_a_wrong_secret_stays_out():
    client = APIClient(headers={"Authorization": "Service guess"})

    assert client.get(URL).status_code == 401


def test_an_authorised_payment_is_shown_whole(service):
    response = authorise(service)

    assert response.status_code == 200
    assert "Idempotency-Replayed" not in response
    payment = response.json()
    created_at, updated_at = payment.pop("createdAt"), payment.pop("updatedAt")
    assert created_at.endswith("Z")
    assert updated_at.endswith("Z")
    assert payment == BODY | {
        "id": Payment.objects.get().pk,
        "status": "REQUIRES_CAPTURE",
        "idempotencyKey": "key",
        "declineCode": None,
        "amountRefunded": "0.00",
    }


def test_the_same_request_again_is_answered_the_same(service):
    first, again = authorise(service), authorise(service, amount="35000")

    assert (again.status_code, again.json()) == (200, first.json())
    assert again["Idempotency-Replayed"] == "true"


def test_a_captured_payment_is_answered_as_it_stands(service):
    payment = authorise(service).json()
    service.post(f"{URL}{payment['id']}/capture/")

    assert authorise(service).json()["status"] == "SUCCEEDED"


def test_a_decline_says_why(service):
    response = authorise(service, paymentMethod="tok_insufficient_funds")

    assert response.status_code == 402
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "payment_declined"
    assert response.json()["declineCode"] == "insufficient_funds"


def test_another_request_under_the_same_key_is_refused(service):
    authorise(service)

    response = authorise(service, amount="1.00")

    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("url", [URL, f"{URL}1/refunds/"])
def test_money_needs_a_key(service, url):
    response = service.post(url, BODY)

    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_missing")


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "clé", "tab\t", "end\n"])
def test_a_malformed_key_is_refused(service, key):
    response = authorise(service, key)

    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_invalid")


@pytest.mark.parametrize("key", ["~", "!" * 255])
def test_the_longest_and_shortest_key_are_good(service, key):
    assert authorise(service, key).json()["idempotencyKey"] == key


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"paymentMethod": "tok_unknown"}, "#/paymentMethod"),
        ({"paymentMethod": None}, "#/paymentMethod"),
        ({"amount": "0"}, "#/amount"),
        ({"amount": "0.00"}, "#/amount"),
        ({"amount": "-1.00"}, "#/amount"),
        ({"amount": "1.001"}, "#/amount"),
        ({"amount": "1.5", "currency": "JPY"}, "#/amount"),
        ({"amount": 1.5}, "#/amount"),
        ({"amount": "NaN"}, "#/amount"),
        ({"amount": "1e12"}, "#/amount"),
        ({"currency": "XXX"}, "#/currency"),
        ({"currency": "inr"}, "#/currency"),
        ({"reference": "42"}, "#/reference"),
        ({"colour": "red"}, "#/colour"),
    ],
)
def test_what_is_not_valid_is_named_and_not_remembered(service, fields, pointer):
    assert faults(authorise(service, **fields)) == {pointer}
    assert authorise(service).status_code == 200


def test_all_that_is_missing_is_named(service):
    response = service.post(URL, {}, headers={"Idempotency-Key": "key"})

    assert faults(response) == {"#/reference", "#/amount", "#/currency", "#/paymentMethod"}


@pytest.mark.parametrize(
    ("currency", "amount"), [("JPY", "1500"), ("KWD", "1.125"), ("INR", "999999999.99")]
)
def test_amounts_are_exact_in_their_currency(service, currency, amount):
    assert authorise(service, currency=currency, amount=amount).json()["amount"] == amount


@pytest.mark.parametrize(("step", "status"), [("capture", "SUCCEEDED"), ("void", "CANCELED")])
def test_a_payment_is_captured_or_voided_repeatably(service, make_payment, step, status):
    payment = make_payment()

    for _ in range(2):
        response = service.post(f"{URL}{payment.pk}/{step}/")
        assert (response.status_code, response.json()["status"]) == (200, status)


@pytest.mark.parametrize(
    ("fields", "step", "code"),
    [
        ({"status": PaymentStatus.CANCELED}, "capture", "payment_voided"),
        ({"status": PaymentStatus.FAILED}, "capture", "not_capturable"),
        ({"payment_method": "tok_capture_fails"}, "capture", "capture_refused"),
        ({"status": PaymentStatus.SUCCEEDED}, "void", "already_captured"),
    ],
)
def test_what_can_not_be_done_is_a_conflict(service, make_payment, fields, step, code):
    response = service.post(f"{URL}{make_payment(**fields).pk}/{step}/")

    assert (response.status_code, response.json()["code"]) == (409, code)


@pytest.mark.parametrize("step", ["capture", "void"])
def test_a_part_of_a_payment_can_not_be_captured_or_voided(service, make_payment, step):
    payment = make_payment()

    response = service.post(f"{URL}{payment.pk}/{step}/", {"amount": "1.00"})

    assert faults(response) == {"#/amount"}
    payment.refresh_from_db()
    assert payment.status == "REQUIRES_CAPTURE"


def test_a_void_by_key_is_remembered_for_a_key_never_seen(service):
    for _ in range(2):
        voided = service.post(f"{URL}void/", {"idempotencyKey": "key"})
        assert voided.status_code == 200
        assert voided.json()["status"] == "CANCELED"
        assert voided.json()["amount"] is None

    late = authorise(service)
    assert (late.status_code, late.json()["code"]) == (409, "payment_voided")


def test_a_void_by_key_finds_its_payment(service):
    payment = authorise(service).json()

    voided = service.post(f"{URL}void/", {"idempotencyKey": "key"}).json()

    assert (voided["id"], voided["status"]) == (payment["id"], "CANCELED")


@pytest.mark.parametrize("key", ["", "two words", " key", "x" * 256, None])
def test_a_void_by_a_malformed_key_is_refused(service, key):
    assert faults(service.post(f"{URL}void/", {"idempotencyKey": key})) == {"#/idempotencyKey"}
    assert not Payment.objects.exists()


def test_a_refund_is_shown_and_counted(service, make_payment):
    payment = make_payment(status=PaymentStatus.SUCCEEDED, currency="JPY")

    first, again = (refund(service, payment, "40") for _ in range(2))

    assert (first.status_code, again.status_code) == (200, 200)
    shown = first.json()
    assert shown.pop("createdAt").endswith("Z")
    assert shown == {
        "id": payment.refunds.get().pk,
        "paymentId": payment.pk,
        "amount": "40",
        "currency": "JPY",
    }
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    assert service.get(f"{URL}{payment.pk}/").json()["amountRefunded"] == "40"


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "lots", None])
def test_a_refunds_amount_is_checked(service, make_payment, amount):
    payment = make_payment(status=PaymentStatus.SUCCEEDED)

    assert faults(refund(service, payment, amount)) == {"#/amount"}


@pytest.mark.parametrize(
    ("status", "amount", "code"),
    [
        (PaymentStatus.SUCCEEDED, "100.01", "refund_exceeds_payment"),
        (PaymentStatus.REQUIRES_CAPTURE, "1.00", "not_captured"),
    ],
)
def test_a_refund_that_can_not_be_is_a_conflict(service, make_payment, status, amount, code):
    response = refund(service, make_payment(status=status), amount)

    assert (response.status_code, response.json()["code"]) == (409, code)


def test_a_key_voided_before_it_was_seen_has_nothing_to_refund(service):
    service.post(f"{URL}void/", {"idempotencyKey": "key"})

    assert refund(service, Payment.objects.get(), "1.00").json()["code"] == "not_captured"


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", "1/"), ("post", "1/capture/"), ("post", "1/void/"), ("get", f"{10**30}/")],
)
def test_a_payment_that_is_not_there_is_404(service, method, path):
    response = getattr(service, method)(URL + path)

    assert (response.status_code, response.json()["code"]) == (404, "payment_not_found")


def test_a_refund_of_a_payment_that_is_not_there_is_404(service):
    response = refund(service, Payment(pk=1), "1.00")

    assert (response.status_code, response.json()["code"]) == (404, "payment_not_found")


@pytest.mark.parametrize(
    "query",
    [f"reference={REFERENCE}", "idempotencyKey=wanted", "status=SUCCEEDED", "limit=1"],
)
def test_a_list_shows_what_is_asked_for(service, make_payment, query):
    wanted = make_payment(
        reference=UUID(REFERENCE),
        idempotency_key="wanted",
        status=PaymentStatus.SUCCEEDED,
        amount_refunded=Decimal(5),
    )
    make_payment()

    rows = service.get(f"{URL}?{query}").json()["results"]

    assert [(row["id"], row["amountRefunded"]) for row in rows] == [(wanted.pk, "5.00")]


def test_pages_of_a_filtered_list_follow_each_other(service, make_payment):
    reference = uuid4()
    payments = [make_payment(reference=reference) for _ in range(3)]
    make_payment()
    url, seen = f"{URL}?reference={reference}&limit=2", []

    while url:
        page = service.get(url).json()
        seen += [row["id"] for row in page["results"]]
        url = page["next"]

    assert seen == [payment.pk for payment in payments]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("reference=42", "#/reference"),
        ("status=PAID", "#/status"),
        ("status=", "#/status"),
        ("idempotencyKey=", "#/idempotencyKey"),
        ("refernce=42", "#/refernce"),
        ("limit=0", "#/limit"),
    ],
)
def test_a_list_refuses_what_it_does_not_understand(service, query, pointer):
    assert faults(service.get(f"{URL}?{query}")) == {pointer}
