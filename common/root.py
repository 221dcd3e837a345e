from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

# What a newcomer may look at first, by service: names of URLs.
LINKS = {"flights": ["flight-list", "airport-list"], "bookings": ["booking-list"], "payments": []}

LINK_LIST = {"type": "object", "additionalProperties": {"type": "string", "format": "uri"}}


class ApiRoot(APIView):
    """Where to begin."""

    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="getRoot",
        tags=["about"],
        responses={(200, "application/json"): LINK_LIST},
    )
    def get(self, request: Request) -> Response:
        names = ["docs", "schema", *(n for service in settings.SERVICES for n in LINKS[service])]
        links = {name.removesuffix("-list"): reverse(name, request=request) for name in names}
        return Response(links)
