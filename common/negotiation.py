from collections.abc import Iterable
from typing import Any

from django.http import Http404
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request


class ContentNegotiation(DefaultContentNegotiation):
    """DRF's; who accepts only problem documents (RFC 9457) gets JSON where there is no problem."""

    def get_accept_list(self, request: Request) -> list[str]:
        return [
            accepted.replace("application/problem+json", "application/json")
            for accepted in super().get_accept_list(request)
        ]

    def filter_renderers(self, renderers: Iterable[Any], format: str) -> list[Any]:
        """`?format=xml` asks for what we don't have, as `Accept` would: 406, and not DRF's 404."""
        try:
            return list(super().filter_renderers(renderers, format))
        except Http404:
            raise NotAcceptable from None
