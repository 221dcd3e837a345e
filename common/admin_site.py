from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import BadRequest
from django.db import DataError
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class AdminSite(admin.AdminSite):
    """Django's, with a 400 for a filter that can't be meant."""

    site_header = site_title = "Seathold"

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        page = super().admin_view(view, cacheable)

        @wraps(page)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                return page(request, *args, **kwargs)
            except (ValueError, OverflowError, DataError) as error:
                if request.method != "GET" or not request.GET:
                    raise
                # `?created_at__year=99999`: Django hands it to the database, or to datetime.
                raise BadRequest("The filter can't be understood.") from error

        return answer
