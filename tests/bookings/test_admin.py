from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from bookings import cancelling
from bookings.models import Booking, OutboxMessage
from bookings.states import BookingStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root", "root@example.com", "correct horse"))
    return client


@pytest.mark.parametrize("model", ["booking", "paymentattempt", "outboxmessage", "auditrun"])
def test_staff_look_at_lists_and_search_them(admin: Client, booking: Booking, model: str) -> None:
    cancelling.cancel(booking_id=booking.pk)
    url = reverse(f"admin:bookings_{model}_changelist")
    assert admin.get(url).status_code == 200
    for text in (booking.locator, str(booking.reference), "asha", "1", "é\\'"):
        assert admin.get(url, {"q": text}).status_code == 200


def test_a_booking_is_shown_with_its_attempts_and_can_not_be_edited(
    admin: Client, booking: Booking
) -> None:
    url = reverse("admin:bookings_booking_change", args=[booking.pk])
    page = admin.get(url)
    assert booking.locator in page.content.decode()
    assert admin.post(url, {"status": "BOOKED"}).status_code == 403
    assert admin.get(reverse("admin:bookings_booking_add")).status_code == 403


def act(admin: Client, model: str, action: str, *ids: Any) -> str:
    url = reverse(f"admin:bookings_{model}_changelist")
    data = {"action": action, "_selected_action": ids}
    return admin.post(url, data, follow=True).content.decode()


def test_staff_cancel_bookings_as_the_api_does(admin: Client, booking: Booking) -> None:
    assert "1 bookings are cancelled" in act(admin, "booking", "cancel_bookings", booking.pk)
    booking.refresh_from_db()
    assert booking.status == BookingStatus.CANCELLED
    assert booking.outbox.exists()


def test_staff_have_dead_letters_tried_again(admin: Client, booking: Booking) -> None:
    cancelling.cancel(booking_id=booking.pk)
    OutboxMessage.objects.update(dead_at=booking.created_at, tries=8)
    letter = OutboxMessage.objects.get()
    assert "1 messages are tried again" in act(admin, "outboxmessage", "try_again", letter.pk)
    letter.refresh_from_db()
    assert (letter.dead_at, letter.tries) == (None, 0)
