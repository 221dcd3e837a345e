import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Model, ProtectedError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control
from django.utils.decorators import method_decorator
from django.views.decorators.http import conditional_page
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet, ModelViewSet

from accounts.permissions import ReadOrRole
from common.schema import raises
from common.service_auth import IsService
from common.wire import FilterSerializer, camelize
from flights import errors, filters, holds, serializers
from flights.models import Airline, Airplane, Airport, City, Flight, SeatHold

HOLD_GONE = (errors.FlightNotFound, errors.HoldNotFound, errors.HoldReleased)


@contextmanager
def explain_constraints(model: type[Model]) -> Iterator[None]:
    """What the database refuses is answered like any other wrong field: a 400 that names it.

    Most is found by validation before; two writes at once are only found here.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        diagnosis = error.__cause__.diag  # type: ignore[union-attr]
        messages = {
            constraint.name: str(constraint.get_violation_error_message())
            for constraint in model._meta.constraints
        }
        # "Key (model_number)=(A320) already exists."
        columns = re.search(r"\(([a-z_]+)[,)]", diagnosis.message_detail or "")
        pointer = camelize(columns[1]) if columns else "non_field_errors"
        message = messages.get(diagnosis.constraint_name, "This does not fit what is there.")
        raise ValidationError({pointer: [message]}, code="constraint") from error


class CatalogueViewSet(ModelViewSet):
    """What anyone may read, and staff look after whose role says so."""

    permission_classes = [ReadOrRole]
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    max_age = 60  # seconds that browsers and proxies may keep an answer without asking again

    @method_decorator(conditional_page)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return super().dispatch(request, *args, **kwargs)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        if request.method in ("GET", "HEAD") and response.status_code == 200:
            patch_cache_control(response, public=True, max_age=self.max_age)
        return response

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        FilterSerializer.read(request)
        return super().list(request, *args, **kwargs)

    def perform_create(self, serializer: Any) -> None:
        with explain_constraints(self.get_queryset().model):
            serializer.save()

    def perform_update(self, serializer: Any) -> None:
        with explain_constraints(self.get_queryset().model):
            serializer.save()

    @raises(errors.InUse)
    def perform_destroy(self, instance: Model) -> None:
        """Delete what nothing refers to. Raises InUse."""
        for relation in instance._meta.related_objects:
            # Asked first: Django would load a million flights to say that there is one.
            if getattr(instance, str(relation.get_accessor_name())).exists():
                raise errors.InUse
        try:
            with transaction.atomic():
                instance.delete()
        except (ProtectedError, IntegrityError):
            raise errors.InUse from None


class CityViewSet(CatalogueViewSet):
    serializer_class = serializers.CitySerializer
    queryset = City.objects.all()
    lookup_value_converter = "int"
    ordering = ("name", "id")


class AirportViewSet(CatalogueViewSet):
    serializer_class = serializers.AirportDetailSerializer
    queryset = Airport.objects.select_related("city")
    lookup_value_converter = "iata"
    ordering: tuple[str, ...] = ("code",)

    @extend_schema(parameters=[filters.AirportFilters])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """All airports by code, or those that `q` finds, best match first."""
        wanted = filters.AirportFilters.read(request)
        airports = Airport.objects.select_related("city")
        if "q" in wanted:
            airports = airports.found_by(wanted["q"])
            self.ordering = ("rank", "unserved", "code")
        page = self.paginate_queryset(airports)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class AirlineViewSet(CatalogueViewSet):
    serializer_class = serializers.AirlineSerializer
    queryset = Airline.objects.all()
    lookup_value_converter = "iata"
    ordering = ("code",)


class AirplaneViewSet(CatalogueViewSet):
    serializer_class = serializers.AirplaneSerializer
    queryset = Airplane.objects.all()
    lookup_value_converter = "int"
    ordering = ("id",)

    @raises(errors.CapacityInUse)
    def perform_update(self, serializer: Any) -> None:
        """Raises CapacityInUse where a coming flight has more seats than would be left."""
        capacity = serializer.validated_data.get("capacity", serializer.instance.capacity)
        if serializer.instance.flights.bookable().filter(total_seats__gt=capacity).exists():
            raise errors.CapacityInUse
        super().perform_update(serializer)


class FlightViewSet(CatalogueViewSet):
    serializer_class = serializers.FlightSerializer
    queryset = Flight.objects.with_details()
    lookup_value_converter = "int"
    max_age = 0  # seats are sold meanwhile

    @raises(errors.FlightNotFound)
    def get_object(self) -> Flight:
        try:
            return self.get_queryset().get(pk=self.kwargs["pk"])
        except Flight.DoesNotExist:
            raise errors.FlightNotFound from None

    @extend_schema(operation_id="searchFlights", parameters=[filters.FlightFilters])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Search flights. Answers those that can be booked, by departure time."""
        wanted = filters.FlightFilters.read(request)
        self.ordering = wanted["sort"]
        flights = Flight.objects.for_search().with_shared_details()
        page = self.paginate_queryset(filters.matching(flights, wanted))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        operation_id="getPriceCalendar",
        parameters=[filters.CalendarFilters],
        responses=serializers.CalendarSerializer,
    )
    @action(detail=False, pagination_class=None)
    def calendar(self, request: Request) -> Response:
        """The cheapest price for each day of a month; a day on which nothing is left has none."""
        wanted = filters.CalendarFilters.read(request)
        days = filters.cheapest_of_month(Flight.objects.for_search(), wanted)
        return Response(serializers.CalendarSerializer({"results": days}).data)

    @extend_schema(
        request=serializers.FlightWriteSerializer, responses={201: serializers.FlightSerializer}
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Put a flight on sale."""
        wanted = serializers.FlightWriteSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        with explain_constraints(Flight):
            flight = wanted.save(remaining_seats=wanted.validated_data["total_seats"])
        return self._answer(flight.pk, status=201)

    @extend_schema(
        request=serializers.FlightWriteSerializer, responses=serializers.FlightSerializer
    )
    @raises(errors.SeatsHeld)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change a flight; its seats never below what is held."""
        data = request.data  # read from the network before anything is locked
        with explain_constraints(Flight), holds.flight_locked(flight_id=kwargs["pk"]) as flight:
            wanted = serializers.FlightWriteSerializer(flight, data=data, partial=True)
            wanted.is_valid(raise_exception=True)
            holds.change_flight(flight, **wanted.validated_data)
        return self._answer(kwargs["pk"])

    @raises(errors.FlightInUse)
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete a flight of which no seat is held."""
        holds.delete_flight(flight_id=kwargs["pk"])
        return Response(status=204)

    @extend_schema(request=None, responses=serializers.FlightSerializer)
    @raises(errors.FlightDeparted)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: int) -> Response:
        """Close the flight for good: from here on nobody takes seats of it. Repeatable."""
        holds.cancel_flight(flight_id=pk)
        return self._answer(pk)

    def _answer(self, pk: int, status: int = 200) -> Response:
        flight = self.get_queryset().get(pk=pk)
        return Response(self.get_serializer(flight).data, status=status)


@extend_schema(tags=["holds"])
class FlightHoldViewSet(GenericViewSet):
    """Holds under their flight and reference: taken, confirmed and given up by bookings."""

    permission_classes = [IsService]
    serializer_class = serializers.HeldSeatsSerializer
    queryset = SeatHold.objects.none()
    metadata_class = None  # OPTIONS would look for one hold by its flight

    @extend_schema(
        operation_id="holdSeats",
        request=serializers.HoldRequestSerializer,
        responses={
            201: serializers.HeldSeatsSerializer,
            200: OpenApiResponse(serializers.HeldSeatsSerializer, "The hold stands already."),
        },
    )
    @raises(
        *(errors.FlightNotFound, errors.FlightClosed, errors.SeatsUnavailable),
        *(errors.HoldConflict, errors.HoldReleased, errors.HoldExpired),
    )
    def update(self, request: Request, flight_id: int, reference: UUID) -> Response:
        """Take seats, under a reference that the caller chose."""
        wanted = serializers.HoldRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        held = holds.hold_seats(flight_id=flight_id, reference=reference, **wanted.validated_data)
        return self._answer(held, status=201 if held.created else 200)

    @extend_schema(
        operation_id="confirmHold", request=None, responses=serializers.HeldSeatsSerializer
    )
    @raises(*HOLD_GONE)
    def confirm(self, request: Request, flight_id: int, reference: UUID) -> Response:
        """Make the hold one that never expires."""
        return self._answer(holds.confirm_hold(flight_id=flight_id, reference=reference))

    @extend_schema(
        operation_id="shrinkHold",
        request=serializers.ShrinkHoldSerializer,
        responses=serializers.HeldSeatsSerializer,
    )
    @raises(*HOLD_GONE)
    def shrink(self, request: Request, flight_id: int, reference: UUID) -> Response:
        """Let the hold keep no more than so many seats."""
        wanted = serializers.ShrinkHoldSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        held = holds.shrink_hold(flight_id=flight_id, reference=reference, **wanted.validated_data)
        return self._answer(held)

    @extend_schema(
        operation_id="extendHold",
        request=serializers.ExtendHoldSerializer,
        responses=serializers.HeldSeatsSerializer,
    )
    @raises(*HOLD_GONE)
    def extend(self, request: Request, flight_id: int, reference: UUID) -> Response:
        """Let the hold expire later."""
        wanted = serializers.ExtendHoldSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        held = holds.extend_hold(flight_id=flight_id, reference=reference, **wanted.validated_data)
        return self._answer(held)

    @extend_schema(operation_id="giveUpHold", responses={204: None})
    @raises(errors.HoldConfirmed)
    def destroy(self, request: Request, flight_id: int, reference: UUID) -> Response:
        """Give up a hold whose booking was never made."""
        holds.give_up_hold(flight_id=flight_id, reference=reference)
        return Response(status=204)

    def _answer(self, held: holds.HeldSeats, status: int = 200) -> Response:
        held.hold.flight = held.flight
        return Response(serializers.HeldSeatsSerializer.show(held.hold), status=status)


class HoldViewSet(GenericViewSet):
    """All holds: released in bulk for cancelled bookings, and listed for the audit."""

    permission_classes = [IsService]
    serializer_class = serializers.HoldSerializer
    queryset = SeatHold.objects.all()
    ordering = ("reference",)

    @extend_schema(operation_id="listHolds", parameters=[serializers.HoldFilterSerializer])
    def list(self, request: Request) -> Response:
        """Holds by reference."""
        wanted = serializers.HoldFilterSerializer.read(request)
        page = self.paginate_queryset(self.get_queryset().filter(**wanted))
        return self.get_paginated_response(serializers.HoldSerializer(page, many=True).data)

    @extend_schema(
        operation_id="releaseHolds",
        request=serializers.ReleaseRequestSerializer,
        responses=serializers.ReleasedSerializer,
    )
    def release(self, request: Request) -> Response:
        """Release holds, CONFIRMED ones too. Unknown and released ones are passed over."""
        wanted = serializers.ReleaseRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        references = [hold["reference"] for hold in wanted.validated_data["holds"]]
        return Response({"released": holds.release_holds(references=references)})
