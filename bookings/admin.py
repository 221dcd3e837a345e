from typing import Any

from celery import current_app
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from bookings import cancelling, disruption, history, mail, outbox, refunds
from bookings.models import (
    AuditRun,
    Booking,
    Cancellation,
    Message,
    OutboxMessage,
    Passenger,
    PaymentAttempt,
    Refund,
    RefundRule,
)
from common.admin import ReadOnlyAdmin, ReadOnlyInline
from common.errors import SeatholdError


class PaymentAttemptInline(ReadOnlyInline):
    model = PaymentAttempt
    fields = ("amount", "currency", "status", "payment_method", "provider_id", "created_at")
    readonly_fields = fields


class PassengerInline(ReadOnlyInline):
    model = Passenger
    fields = ("type", "given_names", "surname", "cancellation")
    readonly_fields = fields


class CancellationInline(ReadOnlyInline):
    model = Cancellation
    fields = ("no_of_seats", "refund", "kept", "rule", "created_at")
    readonly_fields = fields


class OutboxInline(ReadOnlyInline):
    model = OutboxMessage
    fields = ("kind", "tries", "due_at", "dead_at", "last_error")
    readonly_fields = fields


class MessageInline(ReadOnlyInline):
    model = Message
    fields = ("kind", "created_at", "due_at", "sent_at", "given_up_at", "tries", "last_error")
    readonly_fields = fields
    show_change_link = True  # to have it sent again


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
    inlines = (
        PassengerInline,
        PaymentAttemptInline,
        CancellationInline,
        MessageInline,
        OutboxInline,
    )
    readonly_fields = ("timeline",)
    actions = ("cancel_bookings", "handle_disruption")

    @admin.display(description="Timeline")
    def timeline(self, booking: Booking) -> SafeString:
        """What happened, oldest first, as the API tells it to staff."""
        told = history.tell(booking, history.events_of(booking), names=True)
        return render_to_string("admin/bookings/timeline.html", {"told": told})

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

    def has_handle_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("bookings.handle_disruption")

    @admin.action(
        description="Put right what a cancelled or moved flight did to its bookings",
        permissions=["handle"],
    )
    def handle_disruption(
        self, request: HttpRequest, bookings: QuerySet[Booking]
    ) -> HttpResponse | None:
        """For all bookings of the flights of those chosen: shown first, done when agreed to."""
        flights = sorted(set(bookings.values_list("flight_id", flat=True)))
        try:
            plans = [disruption.look(flight_id=flight_id) for flight_id in flights]
        except SeatholdError as error:
            self.message_user(request, str(error), messages.ERROR)
            return None
        if "agreed" not in request.POST:
            shown = [(plan, dict(disruption.foresee(plan))) for plan in plans]
            context = {
                **self.admin_site.each_context(request),
                "title": "Disrupted flights",
                "plans": shown,
                "chosen": bookings,
            }
            return render(request, "admin/bookings/disruption.html", context)
        for plan in plans:
            current_app.send_task(
                "bookings.handle_disruption", args=[plan.flight["id"], plan.remedy.value]
            )
        self.message_user(
            request,
            f"{len(plans)} flights are being dealt with. Come back to see whether any booking is"
            " left: doing it again does nothing twice.",
            messages.SUCCESS,
        )
        return None


@admin.register(RefundRule)
class RefundRuleAdmin(admin.ModelAdmin):
    """What comes back to who cancels, with what the rules make of an example booking below."""

    list_display = ("__str__", "fare", "currency", "hours_before", "percent", "fee")
    list_filter = ("fare", "currency")
    change_list_template = "admin/bookings/refundrule/change_list.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        shown = refunds.examples(
            RefundRule.objects.all(), default_currency=settings.DEFAULT_CURRENCY
        )
        return super().changelist_view(request, {"examples": shown, **(extra_context or {})})


class RefundInline(ReadOnlyInline):
    model = Refund
    fields = ("amount", "status", "reason", "requested_by", "created_at")
    readonly_fields = fields


@admin.register(PaymentAttempt)
class PaymentAttemptAdmin(ReadOnlyAdmin):
    list_display = ("id", "booking", "status", "amount", "currency", "payment_method", "created_at")
    list_filter = ("status", "payment_method", "created_at")
    search_fields = ("booking__locator", "=provider_key", "=provider_id", "=idempotency_key")
    list_select_related = ("booking",)
    inlines = (RefundInline,)


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """What travellers were told, and will be."""

    list_display = ("id", "kind", "booking", "sent_at", "given_up_at", "tries", "last_error")
    list_filter = ("kind", ("given_up_at", admin.EmptyFieldListFilter), "created_at")
    search_fields = ("booking__locator", "=booking__reference", "=key")
    list_select_related = ("booking",)
    actions = ("send_again",)

    def has_send_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("bookings.change_message")

    @admin.action(description="Send again", permissions=["send"])
    def send_again(self, request: HttpRequest, told: QuerySet[Message]) -> None:
        again = mail.send_again(told)
        self.message_user(request, f"{again} messages are sent again.", messages.SUCCESS)


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
