from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request


class ContentNegotiation(DefaultContentNegotiation):
    """DRF's; who accepts only problem documents (RFC 9457) gets JSON where there is no problem."""

    def get_accept_list(self, request: Request) -> list[str]:
        return [
            accepted.replace("application/problem+json", "application/json")
            for accepted in super().get_accept_list(request)
        ]
