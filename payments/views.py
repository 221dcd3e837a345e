from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from common.idempotency import REPLAYED, key_parameter, read_key
from common.schema import raises
from common.service_auth import IsService
from common.wire import Serializer
from payments import errors, services
from payments.methods import METHODS
from payments.models import Payment
from payments.serializers import (
    AuthoriseSerializer,
    PaymentFilterSerializer,
    PaymentSerializer,
    RefundRequestSerializer,
    RefundSerializer,
    VoidSerializer,
)

KEY = key_parameter(required=True)


class PaymentViewSet(ListModelMixin, GenericViewSet):
    """Payments, for our own services only."""

    queryset = Payment.objects.all()
    serializer_class = PaymentSerializer
    permission_classes = [IsService]
    ordering: tuple[str, ...] = ("id",)
    lookup_value_converter = "int"

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = PaymentFilterSerializer.read(self.request)
        if wanted.pop("sort", "id") == "reference":
            self.ordering = ("reference", "id")
            queryset = queryset.exclude(reference=None)
        return queryset.filter(**wanted)

    @extend_schema(parameters=[PaymentFilterSerializer])
    def list(self, request: Request) -> Response:
        """Payments in the order they came."""
        return super().list(request)

    @raises(errors.PaymentNotFound)
    def retrieve(self, request: Request, pk: int) -> Response:
        """One payment."""
        return self._answer(Payment.objects.one(pk=pk))

    @extend_schema(
        operation_id="authorisePayment",
        parameters=[KEY],
        request=AuthoriseSerializer,
        responses={200: PaymentSerializer},
    )
    @raises(errors.PaymentDeclined, errors.PaymentVoided, errors.ProviderBroke)
    def create(self, request: Request) -> Response:
        """Have the bank keep an amount ready; one key decides once, declines too."""
        key = read_key(request, required=True)
        form = AuthoriseSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        payment, created = services.authorise(idempotency_key=key, **form.validated_data)
        if not created:
            return self._answer(payment, headers=REPLAYED)
        METHODS[form.validated_data["payment_method"]].before_first_answer()
        return self._answer(payment)

    @extend_schema(request=None, responses=PaymentSerializer)
    @raises(
        *(errors.PaymentNotFound, errors.PaymentVoided),
        *(errors.NotCapturable, errors.CaptureRefused),
    )
    @action(detail=True, methods=["post"])
    def capture(self, request: Request, pk: int) -> Response:
        """Move the money."""
        self._refuse_fields(request)
        return self._answer(services.capture(payment_id=pk))

    @extend_schema(request=None, responses=PaymentSerializer)
    @raises(errors.PaymentNotFound, errors.AlreadyCaptured)
    @action(detail=True, methods=["post"])
    def void(self, request: Request, pk: int) -> Response:
        """Let go of the money."""
        self._refuse_fields(request)
        return self._answer(services.void(payment_id=pk))

    @extend_schema(
        operation_id="voidPaymentByKey", request=VoidSerializer, responses=PaymentSerializer
    )
    @raises(errors.AlreadyCaptured)
    @action(detail=False, methods=["post"], url_path="void")
    def void_by_key(self, request: Request) -> Response:
        """Void what was, or would be, authorised under a key."""
        form = VoidSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return self._answer(services.void_by_key(**form.validated_data))

    @extend_schema(
        operation_id="refundPayment",
        parameters=[KEY],
        request=RefundRequestSerializer,
        responses={200: RefundSerializer},
    )
    @raises(errors.PaymentNotFound, errors.NotCaptured, errors.RefundExceedsPayment)
    @action(detail=True, methods=["post"], pagination_class=None)
    def refunds(self, request: Request, pk: int) -> Response:
        """Give money back."""
        key = read_key(request, required=True)
        currency = Payment.objects.one(pk=pk).currency
        form = RefundRequestSerializer(data=request.data, context={"currency": currency})
        form.is_valid(raise_exception=True)
        refund, created = services.refund(payment_id=pk, idempotency_key=key, **form.validated_data)
        return Response(RefundSerializer(refund).data, headers=None if created else REPLAYED)

    def _refuse_fields(self, request: Request) -> None:
        """A body with an amount, say, must not be taken for what we do."""
        Serializer(data=request.data).is_valid(raise_exception=True)

    def _answer(self, payment: Payment, headers: dict[str, Any] | None = None) -> Response:
        return Response(PaymentSerializer(payment).data, headers=headers)
