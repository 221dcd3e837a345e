from typing import Any

from django.contrib import admin
from django.http import HttpRequest


class ReadOnly:
    """For looking only: rows of seats, bookings and money are written by the services alone."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnly, admin.ModelAdmin):
    """An admin page to look at; actions may call services."""


class ReadOnlyInline(ReadOnly, admin.TabularInline):
    """Rows to look at, on the page of what they belong to."""

    extra = 0
