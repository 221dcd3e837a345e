"""Create: hold seats, insert the booking, commit (`services.SeatsInHand`, `services.initiate`)."""

from model.network import DELETE_HOLD, PUT_HOLD, call
from model.rules import World
from model.state import INITIATED, Outcome, Request, Sale, go_on
from model.steps import GIVE_UP_SEATS, INSERT, TAKE_SEATS


def starts(sale: Sale, _: World) -> list[Outcome]:
    """A traveller asks for a booking. A reference is never used twice: once for each sale."""
    if sale.asked:
        return []
    after = go_on(sale._replace(asked=True), TAKE_SEATS)
    return [Outcome("traveller: POST bookings", after, fault=True)]


def take_seats(sale: Sale, _: int, world: World) -> list[Outcome]:
    """After an answer that means that there is no hold, nothing is given up."""
    then = {"ok": INSERT, "hold_released": GIVE_UP_SEATS, "hold_expired": GIVE_UP_SEATS}
    return call(sale, world, Request(PUT_HOLD), then, failed=GIVE_UP_SEATS)


def insert(sale: Sale, _: int, world: World) -> list[Outcome]:
    """INSERT and COMMIT, which can fail, or work and report an error."""
    initiated = sale._replace(status=INITIATED)
    outcomes = [Outcome("INITIATED", initiated)]
    if not world.configuration.faults:
        return outcomes
    give_up = go_on(sale, GIVE_UP_SEATS)
    outcomes.append(Outcome("ERROR BEFORE COMMIT: ROLLED BACK", give_up, fault=True))
    outcomes.append(Outcome("DIES, OR COMMIT FAILS", sale, fault=True))
    if not world.rules.keep_after_commit:
        seen = go_on(initiated, GIVE_UP_SEATS)
        outcomes.append(Outcome("INITIATED, BUT COMMIT REPORTS AN ERROR", seen, fault=True))
    return outcomes


def give_up_seats(sale: Sale, _: int, world: World) -> list[Outcome]:
    """Best effort: when it fails, the hold expires."""
    return call(sale, world, Request(DELETE_HOLD), {})


STEPS = {TAKE_SEATS: take_seats, INSERT: insert, GIVE_UP_SEATS: give_up_seats}
