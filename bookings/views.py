from typing import Any, cast

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.permissions import SAFE_METHODS, AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from accounts.models import User
from accounts.permissions import may
from bookings import cancelling, errors, extending, history, lookup, passengers, services
from bookings.authentication import Guest, GuestAuthentication, GuestReads, LookupThrottle
from bookings.models import Booking
from bookings.serializers import (
    BookingFilterSerializer,
    BookingSerializer,
    CancelSerializer,
    CorrectNameSerializer,
    CreateBookingSerializer,
    ExtendSerializer,
    FoundSerializer,
    HappeningSerializer,
    LookupSerializer,
    PassengersSerializer,
    PaySerializer,
    QuoteFilterSerializer,
    QuoteSerializer,
    RefundRequestSerializer,
    RefundSerializer,
)
from common.errors import RequestInFlight
from common.idempotency import REPLAYED, key_parameter, read_key
from common.money import is_exact
from common.schema import raises
from common.service_auth import IsAccount
from common.throttles import PayThrottle
from common.wire import FilterSerializer

PARTS = ("attempts__refunds", "passengers", "cancellations")
UNPAYABLE = (
    *(errors.BookingExpired, errors.BookingCancelled, errors.SeatsLost),
    *(errors.AlreadyBooked, errors.PaymentInProgress),
)
CAN_NOT_CANCEL = (errors.FlightDeparted, errors.TooManySeats, errors.PassengersUnclear)
TOKENS, *OTHERS = APIView.authentication_classes  # 401s name the first


class BookingViewSet(ReadOnlyModelViewSet[Booking]):
    """A traveller's bookings; staff see everybody's, and a guest reads the one they looked up."""

    authentication_classes = [TOKENS, GuestAuthentication, *OTHERS]
    permission_classes = [IsAccount | GuestReads]
    serializer_class = BookingSerializer
    lookup_value_converter = "int"
    ordering = ("-id",)
    queryset = Booking.objects.none()  # of what kind it is; `get_queryset` says which

    def get_queryset(self) -> QuerySet[Booking]:
        user = self.request.user
        if isinstance(user, Guest):
            bookings = Booking.objects.filter(pk=user.booking_id)
        else:
            bookings = Booking.objects.visible_to(user)
        # What is to be written is read again, under its lock: only what is shown needs its parts.
        return (
            bookings.prefetch_related(*PARTS) if self.request.method in SAFE_METHODS else bookings
        )

    def get_serializer_context(self) -> dict[str, Any]:
        guest = isinstance(self.request.user, Guest)
        return {**super().get_serializer_context(), "guest": guest}

    @raises(errors.BookingNotFound)
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
    @raises(
        *(errors.PassengersDoNotFit, errors.NotYourUser, errors.FlightNotFound),
        *(errors.FlightClosed, errors.SeatsUnavailable, errors.PriceChanged),
        *(errors.TooManyUnpaidBookings, errors.TooManyBookings, errors.FlightsUnavailable),
    )
    def create(self, request: Request) -> Response:
        """Hold seats and make a booking, to be paid before its deadline."""
        form = CreateBookingSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        order = form.order()
        user_id = traveller_id(request, form.validated_data.get("user_id"))
        key = read_key(request, required=False)
        if booking := services.find_repeat(user_id=user_id, key=key, order=order):
            return answer(booking, status=201, replayed=True)
        try:
            with services.SeatsInHand(order.flight_id) as seats, transaction.atomic():
                booking = services.initiate(seats=seats, user_id=user_id, order=order, key=key)
        except errors.LocatorTaken:
            return self.create(request)
        except (errors.KeyTaken, *errors.SHORTAGES) as error:
            # The same request may have been faster by a moment, and have taken what is short now.
            if booking := services.find_repeat(user_id=user_id, key=key, order=order):
                return answer(booking, status=201, replayed=True)
            raise error from None
        return answer(just_made(booking, order), status=201)

    @extend_schema(
        request=PaySerializer,
        responses=BookingSerializer,
        parameters=[key_parameter(required=True)],
    )
    @raises(
        *UNPAYABLE,
        *(errors.AmountMismatch, errors.PassengersMissing, errors.PaymentDeclined),
        *(errors.PaymentVoided, RequestInFlight),
        *(errors.PaymentsUnavailable, errors.FlightsUnavailable),
    )
    @action(
        detail=True,
        methods=["post"],
        url_path="payments",
        url_name="pay",
        throttle_classes=[PayThrottle],
    )
    def pay(self, request: Request, pk: int) -> Response:
        """Pay a booking before its deadline. The Idempotency-Key is required."""
        payment = read(PaySerializer, request)
        key = read_key(request, required=True)
        booking_id = self.get_object_for("book_for_others").pk
        paid = services.pay(booking_id=booking_id, key=key, **payment)
        return answer(paid.booking, replayed=paid.replayed)

    @extend_schema(
        operation_id="lookUpBooking", request=LookupSerializer, responses=FoundSerializer
    )
    @raises(errors.BookingNotFound)
    @action(
        detail=False,
        methods=["post"],
        url_path="lookup",
        authentication_classes=[],
        permission_classes=[AllowAny],
        throttle_classes=[LookupThrottle],
    )
    def look_up(self, request: Request) -> Response:
        """Find a booking by its locator and a passenger's surname, without an account."""
        found = lookup.find(**read(LookupSerializer, request))
        return Response(FoundSerializer(found, context={"guest": True}).data)

    @extend_schema(
        operation_id="replacePassengers", request=PassengersSerializer, responses=BookingSerializer
    )
    @raises(
        *(errors.PassengersDoNotFit, errors.PassengersSettled, errors.PaymentInProgress),
        *(errors.BookingCancelled, errors.FlightDeparted),
    )
    @action(detail=True, methods=["put"], url_path="passengers", url_name="passengers")
    def replace_passengers(self, request: Request, pk: int) -> Response:
        """Say who flies, all of them; until the booking is paid, and once if it has none."""
        form = PassengersSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        booking_id = self.get_object_for("change_passenger").pk
        return answer(passengers.replace(booking_id=booking_id, **form.wanted()))

    @extend_schema(
        operation_id="correctPassengerName",
        request=CorrectNameSerializer,
        responses=BookingSerializer,
    )
    @raises(
        *(errors.PassengerNotFound, errors.NameCorrectionRefused, errors.BookingCancelled),
        errors.PaymentInProgress,
    )
    @action(
        detail=True,
        methods=["patch"],
        url_path="passengers/<int:passenger_id>",
        url_name="passenger",
    )
    def correct_name(self, request: Request, pk: int, passenger_id: int) -> Response:
        """Correct a passenger's name; a little of it only, once the booking is paid."""
        changes = read(CorrectNameSerializer, request)
        booking = passengers.correct(
            booking_id=self.get_object_for("change_passenger").pk,
            passenger_id=passenger_id,
            freely=may(request.user, "bookings.change_passenger"),
            **changes,
        )
        return answer(booking)

    @extend_schema(
        operation_id="quoteCancellation",
        parameters=[QuoteFilterSerializer],
        responses=QuoteSerializer,
    )
    @raises(errors.BookingCancelled, *CAN_NOT_CANCEL)
    @action(detail=True, url_path="cancellation", pagination_class=None)
    def quote(self, request: Request, pk: int) -> Response:
        """What cancelling would do: how much comes back, by which rule, and how long that holds."""
        wanted = QuoteFilterSerializer.read(request)
        quote = cancelling.quote(booking=self.get_object(), **wanted)
        return Response(QuoteSerializer(quote).data)

    @extend_schema(operation_id="getBookingTimeline", responses=HappeningSerializer(many=True))
    @action(detail=True, ordering=history.ORDER)
    def timeline(self, request: Request, pk: int) -> Response:
        """What happened to a booking, oldest first: when, what, by whom."""
        FilterSerializer.read(request)
        booking = self.get_object()
        page: Any = self.paginate_queryset(history.events_of(booking))
        names = may(request.user, "bookings.view_booking")
        told = history.tell(booking, page, names=names)
        return self.get_paginated_response(HappeningSerializer(told, many=True).data)

    @extend_schema(request=CancelSerializer, responses=BookingSerializer)
    @raises(*(errors.PaymentInProgress, errors.QuoteOutdated, errors.QuoteMissing), *CAN_NOT_CANCEL)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: int) -> Response:
        """Cancel a booking, or some of its seats, by the terms of a quote or else of the moment.

        Seats go back, and money by the rule that `cancellations` then names.
        """
        wanted = read(CancelSerializer, request)
        quote_id = wanted.pop("quote", None)
        booking_id = self.get_object_for("cancel_any_booking").pk
        try:
            booking = cancelling.cancel(booking_id=booking_id, quote_id=quote_id, **wanted)
        except errors.QuoteOutdated as error:
            error.members["quote"] = QuoteSerializer(error.quote).data
            raise
        return answer(booking)

    @extend_schema(request=ExtendSerializer, responses=BookingSerializer)
    @raises(
        *UNPAYABLE,
        *(errors.DeadlineTooEarly, errors.DeadlineTooLate, errors.FlightsUnavailable),
    )
    @action(detail=True, methods=["post"])
    def extend(self, request: Request, pk: int) -> Response:
        """Give a traveller more time to pay (staff)."""
        wanted = read(ExtendSerializer, request)
        booking_id = self.get_object_for("extend_booking", own=False).pk
        return answer(extending.extend(booking_id=booking_id, **wanted))

    @extend_schema(
        operation_id="refundBooking",
        request=RefundRequestSerializer,
        responses={201: RefundSerializer},
        parameters=[key_parameter(required=True)],
    )
    @raises(errors.NothingToRefund, errors.RefundTooLarge)
    @action(detail=True, methods=["post"])
    def refunds(self, request: Request, pk: int) -> Response:
        """Give back some of the money, for a reason other than a cancellation (staff)."""
        booking = self.get_object_for("refund_booking", own=False)
        wanted = read(RefundRequestSerializer, request)
        if wanted["amount"] <= 0 or not is_exact(wanted["amount"], booking.currency):
            raise ValidationError({"amount": [f"This is no amount of {booking.currency}."]})
        key = read_key(request, required=True)
        by = cast(int, request.user.pk)
        refund = cancelling.refund(booking_id=booking.pk, key=key, by=by, **wanted)
        return Response(RefundSerializer(refund).data, status=201)

    def get_object_for(self, permission: str, *, own: bool = True) -> Booking:
        """The booking, for who may do this: with the permission, or (`own`) with one's own."""
        booking, user = self.get_object(), self.request.user
        if own and booking.user_id == user.pk:
            return booking
        if not may(user, f"bookings.{permission}"):
            raise PermissionDenied
        return booking


def read(serializer: type[BaseSerializer[Any]], request: Request) -> dict[str, Any]:
    """The valid body of a request, in snake_case. Raises ValidationError."""
    body = serializer(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def answer(booking: Booking, *, status: int = 200, replayed: bool = False) -> Response:
    headers = REPLAYED if replayed else None
    return Response(BookingSerializer.show(booking), status=status, headers=headers)


def just_made(booking: Booking, order: services.Order) -> Booking:
    """A new booking, with what nobody can have added yet: that need not be read to be shown."""
    nothing: dict[str, list[Any]] = {"attempts": [], "cancellations": []}
    if not order.passengers:
        nothing["passengers"] = []
    booking._prefetched_objects_cache = nothing  # type: ignore[attr-defined]
    return booking


def traveller_id(request: Request, named: int | None) -> int:
    """For whom the request books. Raises NotYourUser; for staff, ValidationError if unknown."""
    own = cast(int, request.user.pk)
    if named is None or named == own:
        return own
    if not may(request.user, "bookings.book_for_others"):
        raise errors.NotYourUser
    if not User.objects.filter(pk=named, is_active=True).exists():
        raise ValidationError({"userId": ["There is no such user."]}, code="unknown_user")
    return named
