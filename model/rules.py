"""The rules that the code keeps, each of which can be left out to see what breaks."""

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any

from model.configurations import Configuration


def rule(sentence: str, *where: str) -> Any:
    """A rule, in force unless it is left out, and the places in the code that keep it."""
    return field(default=True, metadata={"sentence": sentence, "where": where})


@dataclass(frozen=True, slots=True)
class Rules:
    """Which rules are in force. Each field is one rule of the code."""

    # Creating
    spare_confirmed: bool = rule(
        "giving up a hold never releases a CONFIRMED one",
        "flights.holds.give_up_hold",
    )
    keep_after_commit: bool = rule(
        "once COMMIT was sent, creating gives no hold up",
        "bookings.services.SeatsInHand.commit_follows",
    )
    release_confirmed: bool = rule(
        "the release of a cancelled booking's hold releases a CONFIRMED one, too",
        "flights.holds.release_holds",
    )
    refuse_past_holds: bool = rule(
        "a hold that would be over already is refused",
        "flights.holds.hold_seats",
    )
    reap: bool = rule(
        "flights releases expired HELD holds by itself, not only when seats run short",
        "flights.holds.release_expired_holds",
    )
    # Paying
    one_at_a_time: bool = rule(
        "no attempt starts while another one of the booking is PROCESSING",
        "bookings.services.refuse_unless_payable",
    )
    compare_and_set: bool = rule(
        "an attempt moves only from the state that is read under its booking's lock",
        "bookings.moves.take_back",
        "bookings.moves.decline",
        "bookings.moves.settle",
        "bookings.services._book",
    )
    confirm_first: bool = rule(
        "the hold is confirmed before the booking is BOOKED",
        "bookings.services._confirm_and_book",
    )
    book_only_initiated: bool = rule(
        "only an INITIATED booking becomes BOOKED; for any other, the attempt is taken back",
        "bookings.services._book",
    )
    void_with_move: bool = rule(
        "taking back is one transaction: VOIDED and the void in the outbox, nothing voided before",
        "bookings.moves.take_back",
    )
    void_unknown_keys: bool = rule(
        "a void for a key that was never seen is remembered, and wins",
        "payments.services.void_by_key",
    )
    remember_declines: bool = rule(
        "a decline is remembered under its key",
        "payments.services.authorise",
    )
    # Cancelling and expiring
    cancel_waits: bool = rule(
        "cancelling is refused while an attempt is PROCESSING",
        "bookings.cancelling.cancel",
    )
    remove_capture: bool = rule(
        "cancelling a BOOKED booking takes its pending capture out of the outbox",
        "bookings.moves.give_back",
    )
    void_before_refund: bool = rule(
        "giving back is a void by key, and a refund only where that finds money captured",
        "bookings.outbox._give_back",
    )
    sweep_on_row: bool = rule(
        "the sweep's condition (`paying_since` is empty) is on the row that it locks",
        "bookings.models.bookings.BookingQuerySet.overdue",
    )
    # The outbox
    outbox_with_change: bool = rule(
        "a message is written in the transaction that makes it necessary",
        "bookings.moves.book",
        "bookings.moves.take_back",
        "bookings.moves.cancel",
    )
    delete_when_answered: bool = rule(
        "a message goes only when the other service has answered",
        "bookings.outbox._relay_releases",
        "bookings.outbox._deliver",
    )
    end_refused_capture: bool = rule(
        "a capture that is refused for good ends: void, then CANCELLED and release",
        "bookings.outbox._capture",
    )
    void_before_failing: bool = rule(
        "the booking of a refused capture is cancelled only when the void was answered",
        "bookings.outbox._capture",
    )
    # Time: these two are assumed only where the configuration is `on_time`
    lease: bool = rule(
        "the reconciler leaves an attempt alone while a request to pay can still work on it",
        "bookings.services.unfinished_attempts",
    )
    grace: bool = rule(
        "a hold outlives its booking's deadline and any payment that began before it",
        "bookings.services.initiate",
    )

    def without(self, *names: str) -> "Rules":
        """These rules, but for `names`."""
        return replace(self, **dict.fromkeys(names, False))


RULES: Mapping[str, Field[Any]] = {each.name: each for each in fields(Rules)}


def sentence(name: str) -> str:
    """What the rule `name` says."""
    return str(RULES[name].metadata["sentence"])


def where(name: str) -> tuple[str, ...]:
    """The functions in the code that keep the rule `name`."""
    return tuple(RULES[name].metadata["where"])


@dataclass(frozen=True, slots=True)
class World:
    """What holds for a whole run: the rules of the code, and what may happen to it."""

    rules: Rules
    configuration: Configuration
