from typing import Any, cast

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ReadOnlyModelViewSet

from accounts.models import User
from bookings import errors, services
from bookings.models import Booking
from bookings.serializers import (
    BookingFilterSerializer,
    BookingSerializer,
    CreateBookingSerializer,
    PaySerializer,
)
from common.idempotency import REPLAYED, key_parameter, read_key
from common.wire import Serializer


class BookingViewSet(ReadOnlyModelViewSet[Booking]):
    """A traveller's bookings; staff see everybody's."""

    serializer_class = BookingSerializer
    lookup_value_converter = "int"
    ordering = ("-id",)
    queryset = Booking.objects.none()  # of what kind it is; `get_queryset` says which

    def get_queryset(self) -> QuerySet[Booking]:
        return Booking.objects.visible_to(self.request.user).prefetch_related("attempts")

    def get_object(self) -> Booking:
        try:
            return super().get_object()
        except Http404:
            raise errors.BookingNotFound from None

    @extend_schema(parameters=[BookingFilterSerializer])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Bookings, newest first."""
        filters = BookingFilterSerializer.read(request)
        if since := filters.pop("updated_since", None):
            filters["updated_at__gte"] = since
        page = self.paginate_queryset(self.get_queryset().filter(**filters))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        request=CreateBookingSerializer,
        responses={201: BookingSerializer},
        parameters=[key_parameter(required=False)],
    )
    def create(self, request: Request) -> Response:
        """Hold seats and make a booking, to be paid before its deadline."""
        order = read(CreateBookingSerializer, request)
        order["user_id"] = traveller_id(request, order.get("user_id"))
        key = read_key(request, required=False)
        if booking := services.find_repeat(key=key, **order):
            return answer(booking, status=201, replayed=True)
        flight_id = order.pop("flight_id")
        try:
            with services.SeatsInHand(flight_id) as seats, transaction.atomic():
                booking = services.initiate(seats=seats, key=key, **order)
        except (errors.KeyTaken, *errors.SHORTAGES) as error:
            # The same request may have been faster by a moment, and have taken what is short now.
            if booking := services.find_repeat(key=key, flight_id=flight_id, **order):
                return answer(booking, status=201, replayed=True)
            raise error from None
        return answer(booking, status=201)

    @extend_schema(
        request=PaySerializer,
        responses=BookingSerializer,
        parameters=[key_parameter(required=True)],
    )
    @action(detail=True, methods=["post"], url_path="payments", url_name="pay")
    def pay(self, request: Request, pk: int) -> Response:
        """Pay a booking before its deadline. The Idempotency-Key is required."""
        payment = read(PaySerializer, request)
        key = read_key(request, required=True)
        paid = services.pay(booking_id=self.get_object().pk, key=key, **payment)
        return answer(paid.booking, replayed=paid.replayed)

    @extend_schema(request=None, responses=BookingSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: int) -> Response:
        """Cancel a booking; its seats go back, and its money if it was paid."""
        read(Serializer, request)  # it takes no fields: one that is sent was meant for something
        return answer(services.cancel(booking_id=self.get_object().pk))


def read(serializer: type[BaseSerializer[Any]], request: Request) -> dict[str, Any]:
    """The valid body of a request, in snake_case. Raises ValidationError."""
    body = serializer(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def answer(booking: Booking, *, status: int = 200, replayed: bool = False) -> Response:
    headers = REPLAYED if replayed else None
    return Response(BookingSerializer(booking).data, status=status, headers=headers)


def traveller_id(request: Request, named: int | None) -> int:
    """For whom the request books. Raises NotYourUser; for staff, ValidationError if unknown."""
    own = cast(int, request.user.pk)
    if named is None or named == own:
        return own
    if not request.user.is_staff:
        raise errors.NotYourUser
    if not User.objects.filter(pk=named, is_active=True).exists():
        raise ValidationError({"userId": ["There is no such user."]}, code="unknown_user")
    return named
