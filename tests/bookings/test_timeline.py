from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import connection, transaction
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from bookings import actor, history, outbox
from bookings.models import EVENTS, Booking, Passenger
from bookings.states import BookingStatus, CancellationReason
from bookings.tasks import expire_bookings
from tests.bookings.others import FLIGHT, OtherServices

pytestmark = pytest.mark.django_db

URL = "/api/v1/bookings/"
ORDER = {
    "flightId": 1,
    "noOfSeats": 2,
    "passengers": [{"surname": "Rao", "givenNames": "Asha"}, {"surname": "Rao", "type": "CHILD"}],
}


@pytest.fixture
def support(staff: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(staff)
    return client


def timeline(client: APIClient, booking_id: int) -> list[dict[str, Any]]:
    answer = client.get(f"{URL}{booking_id}/timeline/")
    assert answer.status_code == 200, answer.json()
    return answer.json()["results"]


def told(client: APIClient, booking_id: int) -> list[str]:
    return [one["what"] for one in timeline(client, booking_id)]


def last_of(booking: Booking) -> history.Happening:
    return history.tell(booking, history.events_of(booking), names=True)[-1]


def test_a_booking_s_life_is_told_in_the_words_of_the_trade(
    api: APIClient, others: OtherServices
) -> None:
    others.all_well()
    others.refund()
    booking_id = api.post(URL, ORDER).json()["id"]
    api.post(
        f"{URL}{booking_id}/payments/", {"paymentMethod": "tok_visa"}, HTTP_IDEMPOTENCY_KEY="k"
    )
    child = api.get(f"{URL}{booking_id}/").json()["passengers"][1]["id"]
    quote = api.get(f"{URL}{booking_id}/cancellation/?passengers={child}").json()
    api.post(f"{URL}{booking_id}/cancel/", {"quote": quote["id"], "passengers": [child]})
    others.mock.patch(
        f"http://127.0.0.1:8001/api/v1/flights/1/holds/{Booking.objects.get().hold_reference}/",
        json={"status": "CONFIRMED", "noOfSeats": 1},
    )
    while outbox.relay():
        pass
    assert told(api, booking_id) == [
        "2 seats held",
        "passenger added",
        "passenger added",
        "payment begun",
        "payment authorised",
        "booked",
        "payment captured",
        "1 seat given back",
        "1 seat cancelled",
        "refund begun",
        "refunded",
    ]


def test_it_says_when_what_changed_by_whom_and_in_which_request(
    api: APIClient, others: OtherServices
) -> None:
    others.hold()
    answer = api.post(URL, ORDER | {"passengers": []}, HTTP_X_REQUEST_ID="one-two-three")
    [held] = timeline(api, answer.json()["id"])
    assert held == {
        "at": held["at"],
        "what": "2 seats held",
        "by": {"kind": "traveller"},
        "changes": {
            "status": {"from": None, "to": "INITIATED"},
            "noOfSeats": {"from": None, "to": 2},
            "totalCost": {"from": None, "to": "10000.00"},
            "paymentDeadline": {"from": None, "to": answer.json()["paymentDeadline"]},
        },
        "requestId": "one-two-three",
    }
    assert held["at"].endswith("Z")


def test_support_that_acts_for_a_traveller_is_named_to_staff_alone(
    api: APIClient, support: APIClient, staff: User, booking: Booking
) -> None:
    support.post(f"{URL}{booking.pk}/cancel/")
    assert timeline(support, booking.pk)[-1]["by"] == {"kind": "support", "name": staff.username}
    assert timeline(api, booking.pk)[-1]["by"] == {"kind": "support"}


def test_the_timeline_of_another_is_not_there(booking: Booking, stranger: User) -> None:
    client = APIClient()
    assert client.get(f"{URL}{booking.pk}/timeline/").status_code == 401
    client.force_authenticate(stranger)
    answer = client.get(f"{URL}{booking.pk}/timeline/")
    assert (answer.status_code, answer.json()["code"]) == (404, "booking_not_found")


def test_the_sweep_is_the_system_s_which_staff_see_by_name(
    api: APIClient, support: APIClient, make_booking: Callable[..., Booking]
) -> None:
    booking = make_booking(payment_deadline=timezone.now() - timedelta(seconds=1))
    expire_bookings()
    assert timeline(api, booking.pk)[-1]["by"] == {"kind": "system"}
    expired = timeline(support, booking.pk)[-1]
    assert expired["what"] == "expired"
    assert expired["by"] == {"kind": "system", "name": "bookings.expire_bookings"}
    assert expired["changes"] == {
        "status": {"from": "INITIATED", "to": "CANCELLED"},
        "cancellationReason": {"from": None, "to": "TIMEDOUT"},
    }


def test_a_command_is_named(booking: Booking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["./manage.py", "expire_bookings"])
    Booking.objects.update(no_of_seats=1)
    assert last_of(booking).by == {"kind": "system", "name": "expire_bookings"}


def test_bulk_updates_are_seen(booking: Booking) -> None:
    Booking.objects.filter(pk=booking.pk).update(
        status=BookingStatus.CANCELLED, cancellation_reason=CancellationReason.USER
    )
    assert last_of(booking).what == "cancelled"
    booking.status, booking.cancellation_reason = BookingStatus.INITIATED, ""
    booking.no_of_seats = 1
    Booking.objects.bulk_update([booking], ["no_of_seats"])
    assert last_of(booking).what == "1 seat given back"


def test_sql_by_hand_is_seen_and_has_nobody_s_name(booking: Booking) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE bookings_booking SET total_cost = 1")
    seen = last_of(booking)
    assert (seen.what, seen.by, seen.request_id) == ("price changed", {"kind": "database"}, None)
    assert seen.changes == {"totalCost": {"from": "10000.00", "to": "1.00"}}


@pytest.mark.parametrize(
    ("sql", "params", "many"),
    [
        ("UPDATE bookings_booking SET total_cost = 1 WHERE '50%' <> ''", None, False),
        ("update bookings_booking set total_cost = %s", [1], False),
        ("UPDATE bookings_booking SET total_cost = %(cost)s", {"cost": 1}, False),
        ("UPDATE bookings_booking SET total_cost = %s", [[2], [1]], True),
        ("UPDATE bookings_booking SET total_cost = %(cost)s", [{"cost": 1}], True),
        ("WITH one AS (SELECT 1) UPDATE bookings_booking SET total_cost = 1", None, False),
    ],
)
def test_in_whatever_way_a_write_is_sent_it_says_who_is_at_work(
    booking: Booking, monkeypatch: pytest.MonkeyPatch, sql: str, params: Any, many: bool
) -> None:
    monkeypatch.setattr(actor, "who", lambda: {"task": "a task with 100 % of 'quotes'"})
    with connection.cursor() as cursor:
        cursor.executemany(sql, params) if many else cursor.execute(sql, params)
    assert last_of(booking).by["name"] == "a task with 100 % of 'quotes'"
    assert last_of(booking).changes["totalCost"]["to"] == "1.00"


def test_what_is_said_of_one_transaction_is_not_said_of_the_next(
    transactional_db: None, make_booking: Callable[..., Booking], monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = make_booking()
    with monkeypatch.context() as patch:
        patch.setattr(actor, "who", lambda: {"task": "one"})
        Booking.objects.update(total_cost=1)
        with transaction.atomic():
            Booking.objects.update(total_cost=2)
    Booking.objects.update(total_cost=3)
    told = history.tell(booking, history.events_of(booking), names=True)
    assert [one.by.get("name") for one in told] == [None, "one", "one", None]


def test_a_write_asks_nobody_who_is_at_work(
    client: Client, django_assert_num_queries: Any, booking: Booking
) -> None:
    seen = []

    def view(request: Any) -> Any:
        with django_assert_num_queries(1):
            Booking.objects.update(total_cost=1)
        seen.append(actor.who())

    layers = AuthenticationMiddleware(actor.ActorMiddleware(view))
    SessionMiddleware(layers)(RequestFactory().post("/"))
    assert seen == [{"user": None, "route": None, "request": actor.current_request_id()}]


def test_nothing_is_written_of_what_nobody_asks_about(booking: Booking) -> None:
    before = history.events_of(booking).count()
    booking.save()
    Booking.objects.update(updated_at=timezone.now(), paying_since=timezone.now())
    assert history.events_of(booking).count() == before


def test_events_hold_no_names_and_no_addresses(booking: Booking) -> None:
    secret = "Featherstonehaugh"
    passenger = Passenger.objects.create(booking=booking, surname=secret, given_names=secret)
    Passenger.objects.update(given_names="Asha")
    Booking.objects.update(contact_email=f"{secret}@example.com", contact_phone="+911234567")
    Passenger.objects.update(given_names="", surname="")
    passenger.delete()
    told = history.tell(booking, history.events_of(booking), names=True)
    assert [one.what for one in told][1:] == [
        "passenger added",
        "name corrected",
        "contact changed",
        "name forgotten",
        "passenger removed",
    ]
    for table in EVENTS:
        assert secret not in str(list(table._default_manager.values())), table


def test_a_closed_account_is_named_no_more(
    support: APIClient, staff: User, booking: Booking
) -> None:
    support.post(f"{URL}{booking.pk}/cancel/")
    User.objects.filter(pk=staff.pk).delete()
    client = APIClient()
    client.force_authenticate(User.objects.create_superuser("root", "r@example.com", "x"))
    assert timeline(client, booking.pk)[-1]["by"] == {"kind": "support"}


def test_events_are_not_changed_and_not_deleted(booking: Booking) -> None:
    for sql in (
        "UPDATE bookings_bookingevent SET status = ''",
        "DELETE FROM bookings_bookingevent",
    ):
        with pytest.raises(Exception, match="Cannot"), transaction.atomic():
            connection.cursor().execute(sql)


def test_a_booking_on_another_flight_and_a_flight_at_another_time_are_told_apart(
    booking: Booking,
) -> None:
    moved = {**FLIGHT, "departureTime": "2099-12-24T06:30:00Z"}
    booking.flight = moved
    booking.free_to_cancel = True
    booking.save()
    told = history.tell(booking, history.events_of(booking), names=True)
    assert {one.what for one in told[1:]} == {"UK808 moved", "free to cancel"}
    booking.flight_id, booking.flight = 2, {**moved, "id": 2, "flightNumber": "UK809"}
    booking.save()
    assert last_of(booking).what == "rebooked to UK809"
    assert last_of(booking).changes == {
        "flightId": {"from": 1, "to": 2},
        "flightNumber": {"from": "UK808", "to": "UK809"},
    }


def test_a_deadline_is_extended(booking: Booking) -> None:
    before = booking.payment_deadline
    Booking.objects.update(payment_deadline=before + timedelta(hours=1))
    assert last_of(booking).what == "deadline extended"
    assert list(last_of(booking).changes) == ["paymentDeadline"]


def test_amounts_are_exact(make_booking: Callable[..., Booking]) -> None:
    booking = make_booking(total_cost=Decimal("123456789012.345"), currency="KWD")
    assert last_of(booking).changes["totalCost"]["to"] == "123456789012.345"


def test_pages_are_of_one_timeline_and_cost_the_same_however_long_it_is(
    api: APIClient, booking: Booking, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(5) as few:
        timeline(api, booking.pk)
    for cost in range(1, 30):
        Booking.objects.update(total_cost=cost)
    with django_assert_num_queries(len(few)):
        assert len(timeline(api, booking.pk)) == 30
    paged, url = [], f"{URL}{booking.pk}/timeline/?limit=7"
    while url:
        answer = api.get(url).json()
        paged += answer["results"]
        url = answer["next"]
    assert paged == timeline(api, booking.pk)
    assert api.get(f"{URL}{booking.pk}/timeline/?nonsense=1").status_code == 400


def test_rolled_back_it_never_happened(booking: Booking) -> None:
    with transaction.atomic():
        Booking.objects.update(no_of_seats=1)
        transaction.set_rollback(True)
    assert history.events_of(booking).count() == 1


def test_staff_read_the_timeline_in_the_admin(client: Client, booking: Booking) -> None:
    client.force_login(User.objects.create_superuser("root", "root@example.com", "x"))
    url = reverse("admin:bookings_booking_changelist")
    client.post(url, {"action": "cancel_bookings", "_selected_action": [booking.pk]})
    page = client.get(reverse("admin:bookings_booking_change", args=[booking.pk])).content.decode()

    assert "2 seats held" in page
    assert "support root" in page
    assert "INITIATED → CANCELLED" in page
