"""What happened to bookings: rows that triggers write, whoever changes what, and in what way.

A bulk update and SQL by hand leave a row, too. It says what changed, never a name or an address,
and who did it (`bookings/actor.py`). All rows of a booking, in order, are its timeline
(`bookings/history.py`).
"""

from typing import Any

import pghistory
import pgtrigger
from django.db import models

from bookings.models.bookings import Booking, Passenger
from bookings.models.money import Cancellation, PaymentAttempt, Refund
from bookings.models.rebookings import Rebooking
from bookings.states import RebookingStatus


def _events(
    name: str,
    model: type[models.Model],
    *trackers: pghistory.Tracker,
    fields: list[str],
    triggers: tuple[pgtrigger.Trigger, ...] = (),
    **attributes: Any,
) -> type[models.Model]:
    """A table of events of a model: its triggers write it, with `fields`, and nobody changes it."""
    options: dict[str, Any] = {
        # Beside the event: that several belong to one request, its id says.
        "context_field": pghistory.ContextJSONField(),
        "context_id_field": None,
    }
    return pghistory.create_event_model(
        model,
        *trackers,
        fields=fields,
        model_name=name,
        abstract=False,
        append_only=True,
        obj_field=pghistory.ObjForeignKey(related_name="+"),
        attrs={"pgh_id": models.BigAutoField(primary_key=True), **attributes},
        meta={"triggers": list(triggers), "default_permissions": ()},
        **options,
    )


def _change(field: str) -> pgtrigger.Q:
    return pgtrigger.Q(**{f"old__{field}__df": pgtrigger.F(f"new__{field}")})


def _become(field: str, value: str) -> pgtrigger.Q:
    return pgtrigger.Q(**{f"new__{field}": value})


RENAMED = _change("given_names") | _change("surname")
REACHED_ELSEWHERE = _change("contact_email") | _change("contact_phone")
OF_ITS_BOOKING = pgtrigger.Trigger(
    name="of_its_booking",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    func="""
        SELECT attempt.booking_id INTO NEW.booking_id
          FROM bookings_refund refund
          JOIN bookings_paymentattempt attempt ON attempt.id = refund.attempt_id
         WHERE refund.id = NEW.pgh_obj_id;
        RETURN NEW;
    """,
)

EVENTS = (
    _events(
        "BookingEvent",
        Booking,
        pghistory.InsertEvent(),
        # By the statement: the sweep changes a thousand bookings in one, and takes half as long.
        pghistory.UpdateEvent(level=pgtrigger.Statement),
        pghistory.UpdateEvent("contact", condition=REACHED_ELSEWHERE),
        fields=[
            "status",
            "cancellation_reason",
            "no_of_seats",
            "total_cost",
            "payment_deadline",
            "free_to_cancel",
        ],
    ),
    # Of the few that leave otherwise than they were sold: a flight is large.
    _events(
        "BookingFlightEvent",
        Booking,
        pghistory.UpdateEvent("rebooked", condition=_change("flight_id")),
        pghistory.UpdateEvent("moved", condition=_change("flight") & ~_change("flight_id")),
        fields=["flight_id", "flight"],
    ),
    _events(
        "PaymentAttemptEvent",
        PaymentAttempt,
        pghistory.InsertEvent(),
        pghistory.UpdateEvent(),
        fields=["booking", "status", "amount"],
    ),
    _events(
        "CancellationEvent",
        Cancellation,
        pghistory.InsertEvent(),
        fields=["booking", "no_of_seats", "refund", "kept", "rule"],
    ),
    _events(
        "RefundEvent",
        Refund,
        pghistory.InsertEvent(),
        pghistory.UpdateEvent(),
        fields=["amount", "status"],
        triggers=(OF_ITS_BOOKING,),
        booking=models.ForeignKey(
            Booking, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
        ),
    ),
    _events(
        "RebookingEvent",
        Rebooking,
        pghistory.InsertEvent(),
        # That one is done, its booking's flight says.
        pghistory.UpdateEvent(
            condition=_change("status") & _become("status", RebookingStatus.VOIDED)
        ),
        fields=["booking", "to_flight_id"],
    ),
    _events(
        "PassengerEvent",
        Passenger,
        pghistory.InsertEvent(),
        pghistory.UpdateEvent("corrected", condition=RENAMED & ~_become("surname", "")),
        pghistory.UpdateEvent("forgotten", condition=RENAMED & _become("surname", "")),
        pghistory.DeleteEvent(),
        fields=["booking", "type"],
    ),
)
