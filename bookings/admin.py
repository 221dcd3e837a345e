from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from bookings import cancelling, outbox
from bookings.models import AuditRun, Booking, OutboxMessage, PaymentAttempt
from common.admin import ReadOnlyAdmin, ReadOnlyInline
from common.errors import SeatholdError


class PaymentAttemptInline(ReadOnlyInline):
    model = PaymentAttempt
    fields = ("amount", "currency", "status", "payment_method", "provider_id", "created_at")
    readonly_fields = fields


class OutboxInline(ReadOnlyInline):
    model = OutboxMessage
    fields = ("kind", "tries", "due_at", "dead_at", "last_error")
    readonly_fields = fields


@admin.register(Booking)
class BookingAdmin(ReadOnlyAdmin):
    """What support needs to see; the only thing to do here is what the API does, too: cancel."""

    list_display = (
        "locator",
        "status",
        "cancellation_reason",
        "user",
        "flight_id",
        "no_of_seats",
        "total_cost",
        "currency",
        "payment_deadline",
        "created_at",
    )
    list_filter = ("status", "cancellation_reason", "payment_deadline", "created_at")
    search_fields = ("locator", "=reference", "=flight_id", "user__username", "=user__email")
    search_help_text = "Locator, reference, flight id, user name or e-mail"
    list_select_related = ("user",)
    inlines = (PaymentAttemptInline, OutboxInline)
    actions = ("cancel_bookings",)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("bookings.cancel_any_booking")

    @admin.action(description="Cancel: seats and money go back", permissions=["cancel"])
    def cancel_bookings(self, request: HttpRequest, bookings: QuerySet[Booking]) -> None:
        cancelled = 0
        for booking in bookings:
            try:
                cancelling.cancel(booking_id=booking.pk)
                cancelled += 1
            except SeatholdError as error:
                self.message_user(request, f"{booking.locator}: {error}", messages.WARNING)
        self.message_user(request, f"{cancelled} bookings are cancelled.", messages.SUCCESS)


@admin.register(PaymentAttempt)
class PaymentAttemptAdmin(ReadOnlyAdmin):
    list_display = ("id", "booking", "status", "amount", "currency", "payment_method", "created_at")
    list_filter = ("status", "payment_method", "created_at")
    search_fields = ("booking__locator", "=provider_key", "=provider_id", "=idempotency_key")
    list_select_related = ("booking",)


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    list_display = ("id", "kind", "booking", "tries", "due_at", "dead_at", "last_error")
    list_filter = ("kind", ("dead_at", admin.EmptyFieldListFilter), "created_at")
    search_fields = ("booking__locator", "=booking__reference")
    list_select_related = ("booking",)
    actions = ("try_again",)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("bookings.change_outboxmessage")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        waits = f"The longest-waiting message is {outbox.oldest_wait().total_seconds():.0f} s old"
        return super().changelist_view(request, {"title": waits, **(extra_context or {})})

    @admin.action(description="Try dead letters again", permissions=["retry"])
    def try_again(self, request: HttpRequest, letters: QuerySet[OutboxMessage]) -> None:
        revived = outbox.retry(letters)
        self.message_user(request, f"{revived} messages are tried again.", messages.SUCCESS)


@admin.register(AuditRun)
class AuditRunAdmin(ReadOnlyAdmin):
    list_display = ("started_at", "finished_at", "adds_up", "counted")
    list_filter = ("adds_up", "started_at")
    ordering = ("-id",)
