"""More time to pay: given by staff, bounded, and never without the seats."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from bookings import extending, services
from bookings.models import Booking
from common.wire import to_wire_time
from tests.bookings.others import EXTEND, FLIGHT, OtherServices

pytestmark = pytest.mark.django_db


@pytest.fixture
def support(staff: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(User.objects.create_superuser("sue"))
    return client


def extend(api: APIClient, booking: Booking, **by: float) -> tuple[int, dict[str, object]]:
    until = booking.payment_deadline + timedelta(**by)
    answer = api.post(
        f"/api/v1/bookings/{booking.pk}/extend/", {"paymentDeadline": to_wire_time(until)}
    )
    return answer.status_code, answer.json()


def test_the_hold_is_extended_with_its_booking(
    support: APIClient, booking: Booking, others: OtherServices
) -> None:
    others.extend()
    status, body = extend(support, booking, hours=1)
    deadline = booking.payment_deadline + timedelta(hours=1)
    assert (status, body["paymentDeadline"]) == (200, to_wire_time(deadline))
    grace = timedelta(seconds=120)
    assert others.sent(EXTEND) == [{"expiresAt": to_wire_time(deadline + grace)}]
    assert booking.messages.get().kind == "EXTENDED"


def test_extending_twice_tells_once(
    support: APIClient, booking: Booking, others: OtherServices
) -> None:
    others.extend()
    assert [extend(support, booking, hours=1)[0] for _ in range(2)] == [200, 200]
    assert booking.messages.count() == 1


def test_the_time_to_pay_is_not_extended_without_the_seats(
    support: APIClient, booking: Booking, others: OtherServices
) -> None:
    others.extend("hold_released", 409)
    assert extend(support, booking, hours=1)[1]["code"] == "seats_lost"
    others.extend("x", 503)
    assert extend(support, booking, hours=1)[1]["code"] == "flights_unavailable"
    deadline = booking.payment_deadline
    booking.refresh_from_db()
    assert booking.payment_deadline == deadline


def test_the_time_to_pay_is_bounded(
    support: APIClient, booking: Booking, others: OtherServices
) -> None:
    assert extend(support, booking, hours=72)[1]["code"] == "deadline_too_late"
    assert extend(support, booking, minutes=-1)[1]["code"] == "deadline_too_early"
    leaves = timezone.now() + timedelta(hours=2)
    Booking.objects.update(flight={**FLIGHT, "departureTime": to_wire_time(leaves)})
    _, body = extend(support, booking, hours=3)
    assert (body["code"], body["latest"]) == ("deadline_too_late", to_wire_time(leaves))


def test_what_can_not_be_paid_is_not_extended(
    support: APIClient, make_booking: Callable[..., Booking], others: OtherServices
) -> None:
    overdue = make_booking(payment_deadline=timezone.now() - timedelta(seconds=1))
    assert extend(support, overdue, hours=1)[1]["code"] == "booking_expired"
    booked = make_booking(status="BOOKED")
    assert extend(support, booked, hours=1)[1]["code"] == "already_booked"
    cancelled = make_booking(status="CANCELLED", cancellation_reason="USER")
    assert extend(support, cancelled, hours=1)[1]["code"] == "booking_cancelled"


def test_a_booking_that_expires_while_its_hold_is_extended_stays_expired(
    booking: Booking, others: OtherServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    others.extend()

    def expire_first(booking_id: int, deadline: datetime) -> Booking:
        Booking.objects.update(payment_deadline=timezone.now() - timedelta(seconds=1))
        services.expire()
        return move(booking_id, deadline)

    move = extending._move_deadline
    monkeypatch.setattr(extending, "_move_deadline", expire_first)
    later = booking.payment_deadline + timedelta(hours=1)
    with pytest.raises(extending.errors.BookingExpired):
        extending.extend(booking_id=booking.pk, payment_deadline=later)
    booking.refresh_from_db()
    assert booking.status == "CANCELLED"


def test_travellers_do_not_extend_their_own_bookings(api: APIClient, booking: Booking) -> None:
    assert extend(api, booking, hours=1)[0] == 403
