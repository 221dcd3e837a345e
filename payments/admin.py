from django.contrib import admin

from common.admin import ReadOnlyAdmin, ReadOnlyInline
from payments.models import Payment, Refund


class RefundInline(ReadOnlyInline):
    model = Refund
    fields = ("id", "amount", "idempotency_key", "created_at")
    readonly_fields = fields


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    list_display = (
        "id",
        "status",
        "amount",
        "currency",
        "amount_refunded",
        "payment_method",
        "reference",
        "created_at",
    )
    list_filter = ("status", "decline_code", "created_at")
    search_fields = ("id__exact", "reference__exact", "idempotency_key__exact")
    search_help_text = "Id, the booking's reference (UUID), or idempotency key"
    ordering = ("-id",)
    inlines = [RefundInline]
