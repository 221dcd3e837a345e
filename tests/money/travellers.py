"""People who ask for things, look closely at what they are told, and do not forget it."""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from bookings.models import Booking, Cancellation, Rebooking, Refund
from payments.models import Payment
from tests.money import acts

REFUNDS = ("1000.00", "2500.50", "5000.00")  # what staff may give back, each under its own key
PAY_ANSWERS = {200, 402, 409, 503}
NOT_REBOOKED = {
    *("not_rebookable", "request_in_flight", "seats_unavailable", "flight_closed"),
    "flights_unavailable",
}


class Order(NamedTuple):
    user_id: int
    seats: int
    key: str = "order"
    named: bool = False


@dataclass(frozen=True)
class Standing:
    """All that cancelling or refunding may change of a booking. `left` is what may come back."""

    status: str
    seats: int
    total_cost: Decimal
    left: Decimal
    quotes: tuple[str, ...]
    refunds: tuple[str | None, ...]

    @classmethod
    def of(cls, booking_id: int) -> "Standing":
        booking = Booking.objects.get(pk=booking_id)
        paid = booking.attempts.filter(status__in=("AUTHORIZED", "CAPTURED")).first()
        refunds = Refund.objects.filter(attempt__booking=booking)
        return cls(
            status=booking.status,
            seats=booking.no_of_seats,
            total_cost=booking.total_cost,
            left=paid.amount - paid.amount_refunded if paid else Decimal(0),
            quotes=tuple(booking.cancellations.values_list("quote", flat=True)),
            refunds=tuple(refunds.values_list("idempotency_key", flat=True)),
        )


class Travellers:
    """Of flights, the first of which they book; `place` is one of their bookings, or None."""

    def __init__(self, flight_ids: list[int], rules: str) -> None:
        self.flight_ids = flight_ids
        self.orders: list[Order] = []
        self.quotes: list[tuple[int, dict[str, Any], dict[str, Any]]] = []
        self.told_booked: set[int] = set()
        self.told_cancelled: set[int] = set()
        self.told_declined: set[tuple[int, str]] = set()
        self.told_refunded: dict[tuple[int, str], int] = {}
        self.told_rebooked: Counter[int] = Counter()
        self.rule(rules)

    def rule(self, name: str) -> None:
        """From now on the rules for refunds are these."""
        self.comes_back = acts.COMES_BACK[name]
        acts.set_rules(name)

    def order(self, seats: int, named: bool = False) -> Order:
        self.orders.append(Order(acts.make_traveller().pk, seats, named=named))
        return self.orders[-1]

    # --- Booking and paying ---------------------------------------------------------------------

    def create(self, order: Order) -> None:
        answer = acts.create(order.user_id, self.flight_ids[0], *order[1:])
        assert answer.status_code in (201, 409, 503), answer.content
        mine = Booking.objects.filter(user_id=order.user_id).count()
        assert mine == (1 if answer.status_code == 201 else mine)
        assert mine <= 1

    def pay(self, booking_id: int, method: str, nth: int) -> None:
        key = f"{method}-{nth}"
        answer = acts.pay(booking_id, method, key)
        unknown = {400} if method == "tok_nobody_knows" else set()
        assert answer.status_code in PAY_ANSWERS | unknown, answer.content
        if answer.status_code == 200:
            assert answer.json()["status"] == "BOOKED"
            self.told_booked.add(booking_id)
        elif answer.status_code == 402:
            self.told_declined.add((booking_id, key))

    def extend(self, booking_id: int, seconds: float) -> None:
        asked = acts.later(booking_id, seconds)
        answer = acts.extend(booking_id, asked)
        assert answer.status_code in (200, 409, 503), answer.content
        if answer.status_code == 200:
            assert answer.json()["paymentDeadline"] == asked

    def rebook(self, booking_id: int, nth: int) -> None:
        code = acts.rebook(booking_id, self.flight_ids[nth % len(self.flight_ids)])
        assert code is None or code in NOT_REBOOKED
        self.told_rebooked[booking_id] += code is None

    # --- Cancelling -----------------------------------------------------------------------------

    def ask(self, booking_id: int, seats: int) -> bool:
        """For the terms of cancelling the whole (0), or so many seats; they are kept for later."""
        wanted = self._wanted(booking_id, seats)
        before = Standing.of(booking_id)
        answer = acts.quote(booking_id, **wanted)
        assert answer.status_code in (200, 400, 409), answer.content
        if answer.status_code == 200:
            self.quotes.append((booking_id, wanted, answer.json()))
            self._judge_terms(before, answer.json())
        return answer.status_code == 200

    def cancel(self, booking_id: int) -> None:
        """The whole, by the rule of the moment."""
        self._cancel(booking_id, {}, None)

    def cancel_some(self, booking_id: int, seats: int) -> None:
        """By a quote that is as fresh as can be: nothing but a payment can be in the way."""
        if self.ask(booking_id, seats):
            code = self.cancel_by_quote(0)
            assert code in (None, "payment_in_progress")

    def cancel_by_quote(self, nth: int) -> str | None:
        """By one of the quotes they have, the newest first; it may have been used already."""
        return self._cancel(*self.quotes[-1 - nth % len(self.quotes)])

    def _wanted(self, booking_id: int, seats: int) -> dict[str, Any]:
        """So many seats; where passengers have names, the first of them."""
        if not seats:
            return {}
        passengers = Booking.objects.get(pk=booking_id).passengers.filter(cancellation=None)
        ids = list(passengers.values_list("pk", flat=True)[:seats])
        return {"passengers": ids} if ids else {"noOfSeats": seats}

    def _cancel(
        self, booking_id: int, wanted: dict[str, Any], quote: dict[str, Any] | None
    ) -> str | None:
        """Look at what it did, exactly; return the code of what was wrong, if so."""
        before = Standing.of(booking_id)
        by = {"quote": quote["id"]} if quote else {}
        answer = acts.cancel(booking_id, **wanted, **by)
        assert answer.status_code in (200, 400, 409), answer.content
        body, after = answer.json(), Standing.of(booking_id)
        over = before.status == "CANCELLED" or by.get("quote") in before.quotes
        if answer.status_code != 200 or over:
            assert after == before  # nothing is done twice, or by other terms
        else:
            self._judge_cancellation(before, after, booking_id, quote)
        if body.get("code") == "quote_outdated":
            assert quote
            assert body["quote"]["id"] != quote["id"]
            self._judge_terms(before, body["quote"])
        if answer.status_code == 200:
            assert wanted or body["status"] == "CANCELLED"
            self.told_cancelled |= {booking_id} if body["status"] == "CANCELLED" else set()
        return body.get("code")

    def _judge_cancellation(
        self, before: Standing, after: Standing, booking_id: int, quote: dict[str, Any] | None
    ) -> None:
        done = Cancellation.objects.filter(booking=booking_id).latest("pk")
        whole = done.no_of_seats == before.seats
        assert after.quotes == (*before.quotes, done.quote)
        assert after.status == ("CANCELLED" if whole else before.status)
        assert after.seats == before.seats - (0 if whole else done.no_of_seats)
        assert after.left == before.left - done.refund
        seen = {"noOfSeats": done.no_of_seats, "refund": str(done.refund), "kept": str(done.kept)}
        self._judge_terms(before, seen)
        if quote:
            asked = (quote["noOfSeats"], Decimal(quote["refund"]), Decimal(quote["kept"]))
            assert (done.no_of_seats, done.refund, done.kept) == asked

    def _judge_terms(self, before: Standing, terms: dict[str, Any]) -> None:
        """What the rules of now make of the price, and no more than what is left of it."""
        seats = terms["noOfSeats"] if before.status == "BOOKED" else 0
        refund = min(self.comes_back * seats, before.left)
        kept = acts.PRICE * seats - refund
        assert (Decimal(terms["refund"]), Decimal(terms["kept"])) == (refund, kept)

    def refund(self, booking_id: int, nth: int) -> None:
        """Staff give something back, or ask again whether they did."""
        amount, key = Decimal(REFUNDS[nth]), f"refund-{nth}"
        before = Standing.of(booking_id)
        answer = acts.refund(booking_id, REFUNDS[nth], key)
        assert answer.status_code in (201, 409), answer.content
        after = Standing.of(booking_id)
        if answer.status_code == 409 or key in before.refunds:
            assert after == before
        else:
            assert after.left == before.left - amount
        if answer.status_code == 201:
            told = self.told_refunded.setdefault((booking_id, key), answer.json()["id"])
            assert told == answer.json()["id"]

    # --- What they were told, and what became of it ---------------------------------------------

    def check_that_words_were_kept(self) -> None:
        ended = Booking.objects.in_bulk()
        for booking_id in self.told_booked:
            assert ended[booking_id].cancellation_reason in {"", "USER", "PAYMENT_FAILED"}
        assert {ended[id_].status for id_ in self.told_cancelled} <= {"CANCELLED"}
        for booking_id, key in self.told_declined:
            attempt = ended[booking_id].attempts.get(idempotency_key=key)
            # VOIDED, where the reconciler had given up on it before the provider was asked.
            assert attempt.status in ("DECLINED", "VOIDED")
            payment = Payment.objects.get(idempotency_key=attempt.provider_key)
            assert payment.status == "FAILED"
        made = Refund.objects.filter(pk__in=self.told_refunded.values(), status="REFUNDED")
        assert made.count() == len(self.told_refunded)
        for booking_id, times in self.told_rebooked.items():
            moved = Rebooking.objects.filter(booking=booking_id, status="DONE")
            assert moved.count() >= times
        for order in self.orders:
            self._check_that_seats_add_up(order)
        self._check_that_only_bad_cards_fail()

    def _check_that_seats_add_up(self, order: Order) -> None:
        for booking in Booking.objects.filter(user_id=order.user_id):
            cancelled = [done.no_of_seats for done in booking.cancellations.all()]
            by_user = booking.cancellation_reason == "USER"
            assert sum(cancelled) + (0 if by_user else booking.no_of_seats) == order.seats

    def _check_that_only_bad_cards_fail(self) -> None:
        failed = Booking.objects.filter(cancellation_reason="PAYMENT_FAILED")
        refused = failed.filter(attempts__payment_method="tok_capture_fails").distinct()
        assert refused.count() == failed.count()
