from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from common.admin import ReadOnlyAdmin, ReadOnlyInline
from flights import errors, holds
from flights.models import Airline, Airplane, Airport, City, Flight, SeatHold


class CatalogueAdmin(admin.ModelAdmin):
    """Deleting is left to the API: the page that asks "are you sure" loads all flights first."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(City)
class CityAdmin(CatalogueAdmin):
    list_display = ("name", "country")
    list_filter = ("country",)
    search_fields = ("name", "folded_name")
    fields = ("name", "country")


@admin.register(Airport)
class AirportAdmin(CatalogueAdmin):
    list_display = ("code", "name", "city", "time_zone")
    list_select_related = ("city",)
    search_fields = ("=code", "name", "folded_name", "city__name", "city__folded_name")
    autocomplete_fields = ("city",)
    fields = ("code", "name", "city", "time_zone", "latitude", "longitude")

    def get_readonly_fields(self, request: HttpRequest, obj: Airport | None = None) -> tuple:
        return ("code",) if obj else ()  # the key: changing it would make another airport


@admin.register(Airline)
class AirlineAdmin(admin.ModelAdmin):
    list_display = ("code", "name")
    search_fields = ("=code", "name")

    def get_readonly_fields(self, request: HttpRequest, obj: Airline | None = None) -> tuple:
        return ("code",) if obj else ()


@admin.register(Airplane)
class AirplaneAdmin(CatalogueAdmin):
    list_display = ("model_number", "capacity")
    search_fields = ("model_number",)


class SeatHoldInline(ReadOnlyInline):
    model = SeatHold
    fields = readonly_fields = ("reference", "no_of_seats", "status", "expires_at", "created_at")
    ordering = ("-created_at",)


class FlightForm(forms.ModelForm):
    def clean(self) -> dict[str, Any] | None:
        """An airplane with too few seats is the airplane's fault: the seats are not in the form."""
        cleaned = super().clean()
        airplane = self.cleaned_data.get("airplane")
        fixed = "total_seats" not in self.fields
        if fixed and airplane and airplane.capacity < self.instance.total_seats:
            self.add_error("airplane", f"It has {airplane.capacity} seats: too few.")
        return cleaned


@admin.register(Flight)
class FlightAdmin(admin.ModelAdmin):
    form = FlightForm
    list_display = (
        "flight_number",
        "departure_airport_id",
        "arrival_airport_id",
        "departure_time",
        "price",
        "currency",
        "remaining_seats",
        "total_seats",
        "status",
    )
    list_filter = ("status", "departure_time")
    # Exactly, and not in any case: that an index finds, among millions.
    search_fields = (
        "flight_number__exact",
        "departure_airport__code__exact",
        "arrival_airport__code__exact",
    )
    search_help_text = "A flight number or the codes of airports, as in UK808 or DEL BOM"
    ordering = ("-departure_time", "-id")
    show_full_result_count = False  # counting ten million flights takes longer than a page
    autocomplete_fields = ("airplane", "departure_airport", "arrival_airport")
    fields = (
        ("flight_number", "airplane"),
        ("departure_airport", "arrival_airport"),
        ("departure_time", "arrival_time"),
        ("price", "currency", "fare", "boarding_gate"),
        ("total_seats", "remaining_seats", "status"),
    )
    inlines = (SeatHoldInline,)
    actions = ("cancel_flights",)

    def get_readonly_fields(self, request: HttpRequest, obj: Flight | None = None) -> tuple:
        # Seats are changed through the API, which does it under the flight's lock.
        return (
            ("remaining_seats", "status", "total_seats") if obj else ("remaining_seats", "status")
        )

    def save_model(self, request: HttpRequest, obj: Flight, form: Any, change: bool) -> None:
        """Write what was changed and nothing else: seats are sold while the form is open."""
        if not change:
            obj.remaining_seats = obj.total_seats
            obj.save()
            return
        with holds.flight_locked(flight_id=obj.pk) as flight:
            holds.change_flight(
                flight, **{name: form.cleaned_data[name] for name in form.changed_data}
            )

    def has_delete_permission(self, request: HttpRequest, obj: Flight | None = None) -> bool:
        return obj is not None and super().has_delete_permission(request, obj)

    def delete_model(self, request: HttpRequest, obj: Flight) -> None:
        holds.delete_flight(flight_id=obj.pk)

    @admin.action(description="Cancel selected flights", permissions=["change"])
    def cancel_flights(self, request: HttpRequest, flights: QuerySet[Flight]) -> None:
        cancelled = 0
        for flight in flights:
            try:
                holds.cancel_flight(flight_id=flight.pk)
                cancelled += 1
            except errors.FlightDeparted:
                self.message_user(request, f"{flight} has departed.", messages.WARNING)
        self.message_user(request, f"{cancelled} flights are cancelled.", messages.SUCCESS)


@admin.register(SeatHold)
class SeatHoldAdmin(ReadOnlyAdmin):
    list_display = ("reference", "flight", "no_of_seats", "status", "expires_at", "created_at")
    list_select_related = ("flight",)
    list_filter = ("status",)
    search_fields = ("=reference", "=flight__flight_number")
    ordering = ("-created_at",)
    show_full_result_count = False
