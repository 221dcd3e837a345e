"""Who flies: given with the booking or until it is paid, corrected by a rule, and forgotten."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import forget
from bookings import cancelling, errors, moves, passengers, services, tasks
from bookings.models import Booking, Passenger
from bookings.passengers import PassengerName
from bookings.states import CancellationReason, PassengerType
from tests.bookings.others import AUTHORISE, FLIGHT, HOLD, OtherServices
from tests.people import PASSWORD, make_staff
from tests.threads import run_at_once, somebody_waits_for_a_lock, start, wait_until

pytestmark = pytest.mark.django_db

URL = "/api/v1/bookings/"
ASHA = {"givenNames": "Asha", "surname": "Rao", "type": "ADULT"}
VIKRAM = {"givenNames": "Vikram", "surname": "Rao", "type": "ADULT"}
BABY = {"givenNames": "Mira", "surname": "Rao", "type": "INFANT"}
CONTACT = {"email": "asha@example.com", "phone": "+912212345678"}
ORDER = {"flightId": 1, "noOfSeats": 2}
GIVEN = [PassengerName("Rao", "Asha"), PassengerName("Rao", "Vikram")]

Make = Callable[..., Booking]


def put(api: APIClient, booking: Booking, people: Any, **more: Any) -> Any:
    return api.put(f"{URL}{booking.pk}/passengers/", {"passengers": people, **more})


def patch(api: APIClient, passenger: Passenger, **names: Any) -> Any:
    return api.patch(f"{URL}{passenger.booking_id}/passengers/{passenger.pk}/", names)


def leaving_in(**time: float) -> dict[str, object]:
    return {**FLIGHT, "departureTime": (datetime.now(UTC) + timedelta(**time)).isoformat()}


def named(booking: Booking) -> list[tuple[str, str, str]]:
    return [(one.given_names, one.surname, one.type) for one in booking.passengers.all()]


def with_people(booking: Booking, status: str = "BOOKED") -> Booking:
    passengers.add(booking, GIVEN)
    Booking.objects.filter(pk=booking.pk).update(status=status)
    return booking


def quote_of(booking: Booking, passenger: Passenger) -> str:
    booking.refresh_from_db()
    return cancelling.quote(booking=booking, passengers=[passenger.pk]).id


def cancel_seat(booking: Booking, given_names: str) -> Passenger:
    gone = booking.passengers.get(given_names=given_names)
    quote = quote_of(booking, gone)
    cancelling.cancel(booking_id=booking.pk, quote_id=quote, passengers=[gone.pk])
    gone.refresh_from_db()
    return gone


@pytest.fixture
def booked(booking: Booking) -> Booking:
    return with_people(booking)


@pytest.fixture
def asha(booked: Booking) -> Passenger:
    return booked.passengers.get(given_names="Asha")


@pytest.fixture
def as_staff(staff: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(staff)
    return client


# --- With the booking ----------------------------------------------------------------------------


def test_passengers_given_with_the_booking_are_on_it(api: APIClient, others: OtherServices) -> None:
    others.hold()
    answer = api.post(URL, {**ORDER, "passengers": [ASHA, VIKRAM, BABY], "contact": CONTACT})
    assert answer.status_code == 201
    shown = answer.json()["passengers"]
    assert [{k: v for k, v in one.items() if k != "id"} for one in shown] == [ASHA, VIKRAM, BABY]
    assert answer.json()["contact"] == CONTACT
    sold = Passenger.objects.values_list("sold_given_names", "sold_surname")
    assert list(sold) == [("Asha", "Rao"), ("Vikram", "Rao"), ("Mira", "Rao")]


def test_a_booking_needs_no_passengers_and_no_contact(
    api: APIClient, others: OtherServices
) -> None:
    others.hold()
    body = api.post(URL, ORDER).json()
    assert (body["passengers"], body["contact"]) == ([], {"email": "", "phone": ""})


def test_some_people_have_one_name(api: APIClient, others: OtherServices) -> None:
    others.hold()
    people = [{"surname": "Sukarno"}, {"surname": "Teller", "givenNames": ""}]
    shown = api.post(URL, {**ORDER, "passengers": people}).json()["passengers"]
    assert [one["givenNames"] for one in shown] == ["", ""]
    assert [one["type"] for one in shown] == ["ADULT", "ADULT"]


@pytest.mark.parametrize(
    "people",
    [
        [ASHA],
        [ASHA, BABY],
        [ASHA, VIKRAM, ASHA],
        [ASHA, VIKRAM, BABY, BABY, BABY],
        [{**ASHA, "type": "CHILD"}, {**VIKRAM, "type": "CHILD"}, BABY],
    ],
)
def test_passengers_that_do_not_fit_the_seats_are_refused_before_anything_is_held(
    api: APIClient, booking: Booking, others: OtherServices, people: list[Any]
) -> None:
    for answer in (
        api.post(URL, {**ORDER, "passengers": people}),
        put(api, booking, people),
    ):
        assert (answer.status_code, answer.json()["code"]) == (400, "passengers_do_not_fit")
    assert others.sent(HOLD, "PUT") == []
    assert not Passenger.objects.exists()


@pytest.mark.parametrize(
    ("person", "pointer"),
    [
        ({**ASHA, "surname": ""}, "surname"),
        ({**ASHA, "surname": None}, "surname"),
        ({**ASHA, "surname": 7}, "surname"),
        ({**ASHA, "surname": "a" * 61}, "surname"),
        ({**ASHA, "surname": "a" * 10_000}, "surname"),
        ({**ASHA, "surname": "Rao\0"}, "surname"),
        ({**ASHA, "surname": "\u202eoaR"}, "surname"),
        ({**ASHA, "surname": "Ra\u200bo"}, "surname"),
        ({**ASHA, "surname": "Rao😀"}, "surname"),
        ({"givenNames": "Asha"}, "surname"),
        ({**ASHA, "givenNames": None}, "givenNames"),
        ({**ASHA, "givenNames": "4sha"}, "givenNames"),
        ({**ASHA, "type": "DOG"}, "type"),
        ({**ASHA, "title": "Dr"}, "title"),
    ],
)
def test_what_is_no_name_is_refused_by_its_place(
    api: APIClient, booking: Booking, others: OtherServices, person: Any, pointer: str
) -> None:
    for answer in (
        api.post(URL, {**ORDER, "passengers": [VIKRAM, person]}),
        put(api, booking, [VIKRAM, person]),
    ):
        assert answer.status_code == 400
        pointers = [fault["pointer"] for fault in answer.json()["errors"]]
        assert pointers == [f"#/passengers/1/{pointer}"]
    assert not Passenger.objects.exists()


@pytest.mark.parametrize("escaped", [r"\ud800", r"\u0000"])
def test_half_a_character_and_nul_are_refused_however_they_are_sent(
    api: APIClient, booking: Booking, escaped: str
) -> None:
    answer = api.put(
        f"{URL}{booking.pk}/passengers/",
        f'{{"passengers": [{{"surname": "Rao{escaped}"}}]}}',
        content_type="application/json",
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")


def test_ten_thousand_passengers_are_refused(api: APIClient, booking: Booking) -> None:
    answer = put(api, booking, [ASHA] * 10_000)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "#/passengers"


def test_names_are_kept_composed(api: APIClient, booking: Booking) -> None:
    put(api, booking, [{**ASHA, "surname": "Mu\u0308ller"}, VIKRAM])
    assert Passenger.objects.filter(surname="M\u00fcller", sold_surname="M\u00fcller").exists()


@pytest.mark.parametrize(
    ("contact", "pointer"),
    [
        ({"email": "asha"}, "email"),
        ({"email": "a@b\nc.example"}, "email"),
        ({"email": "a" * 250 + "@example.com"}, "email"),
        ({"phone": "022 1234567"}, "phone"),
        ({"phone": "+0912212345678"}, "phone"),
        ({"phone": "+9122123456781234"}, "phone"),
        ({"phone": "+91"}, "phone"),
        ({"phone": "+٩١٢٢١٢٣٤٥٦٧٨"}, "phone"),
        ({"phone": 912212345678}, "phone"),
        ({"fax": "+912212345678"}, "fax"),
    ],
)
def test_an_address_that_reaches_nobody_is_refused(
    api: APIClient, booking: Booking, contact: Any, pointer: str
) -> None:
    answer = put(api, booking, [ASHA, VIKRAM], contact=contact)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == f"#/contact/{pointer}"


def test_a_phone_number_is_kept_without_what_people_write_between(
    api: APIClient, booking: Booking
) -> None:
    contact = put(api, booking, [ASHA, VIKRAM], contact={"phone": "+91 (22) 1234-5678"})
    assert contact.json()["contact"] == {"email": "", "phone": "+912212345678"}


# --- Once, whatever is repeated ------------------------------------------------------------------


def create(api: APIClient, people: list[Any], **more: Any) -> Any:
    return api.post(URL, {**ORDER, "passengers": people, **more}, headers={"Idempotency-Key": "k"})


def test_the_same_key_with_the_same_passengers_is_the_same_booking(
    api: APIClient, others: OtherServices
) -> None:
    others.hold()
    first = create(api, [{**ASHA, "surname": "Zo\u00eb"}, VIKRAM], contact=CONTACT)
    again = create(api, [{**ASHA, "surname": "Zoe\u0308 "}, VIKRAM], contact=CONTACT)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert again.json()["id"] == first.json()["id"]
    assert Passenger.objects.count() == 2


@pytest.mark.parametrize(
    ("people", "more"),
    [
        ([VIKRAM, ASHA], {"contact": CONTACT}),
        ([ASHA, {**VIKRAM, "surname": "Roa"}], {"contact": CONTACT}),
        ([ASHA, {**VIKRAM, "type": "CHILD"}], {"contact": CONTACT}),
        ([ASHA, VIKRAM, BABY], {"contact": CONTACT}),
        ([], {"contact": CONTACT}),
        ([ASHA, VIKRAM], {}),
        ([ASHA, VIKRAM], {"contact": {"email": "b@example.com"}}),
    ],
)
def test_the_same_key_with_other_passengers_is_another_request(
    api: APIClient, others: OtherServices, people: list[Any], more: Any
) -> None:
    others.hold()
    create(api, [ASHA, VIKRAM], contact=CONTACT)
    answer = create(api, people, **more)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_a_repeat_is_known_after_the_name_was_corrected(
    api: APIClient, others: OtherServices
) -> None:
    others.hold()
    create(api, [ASHA, VIKRAM])
    patch(api, Passenger.objects.all()[0], surname="Menon")
    again = create(api, [ASHA, VIKRAM])
    assert (again.status_code, again.json()["passengers"][0]["surname"]) == (201, "Menon")


def test_the_fingerprint_holds_no_name(api: APIClient, others: OtherServices) -> None:
    others.hold()
    create(api, [ASHA, VIKRAM], contact=CONTACT)
    fingerprint = Booking.objects.get().fingerprint
    assert len(fingerprint) == 64
    assert set(fingerprint) <= set("0123456789abcdef")


# --- Until it is paid ----------------------------------------------------------------------------


def test_passengers_are_replaced_all_at_once(api: APIClient, booking: Booking) -> None:
    put(api, booking, [ASHA, VIKRAM], contact=CONTACT)
    answer = put(api, booking, [{**BABY, "type": "CHILD"}, VIKRAM, BABY])
    assert answer.status_code == 200
    assert [one["givenNames"] for one in answer.json()["passengers"]] == ["Mira", "Vikram", "Mira"]
    assert answer.json()["contact"] == CONTACT, "it was not said anew"
    assert named(booking)[0] == ("Mira", "Rao", PassengerType.CHILD)
    assert booking.passengers.count() == 3


def test_who_is_replaced_shows_in_what_changed_since(api: APIClient, booking: Booking) -> None:
    before = booking.updated_at
    put(api, booking, [ASHA, VIKRAM])
    booking.refresh_from_db()
    assert booking.updated_at > before


def test_a_contact_that_is_said_takes_the_place_of_the_old_one(
    api: APIClient, booking: Booking
) -> None:
    put(api, booking, [ASHA, VIKRAM], contact=CONTACT)
    answer = put(api, booking, [ASHA, VIKRAM], contact={"email": "v@example.com"})
    assert answer.json()["contact"] == {"email": "v@example.com", "phone": ""}


def test_the_same_passengers_again_change_nothing(api: APIClient, booking: Booking) -> None:
    first = put(api, booking, [ASHA, VIKRAM], contact=CONTACT).json()
    again = put(api, booking, [ASHA, VIKRAM], contact=CONTACT).json()
    assert again["passengers"] == first["passengers"]
    assert again["updatedAt"] == first["updatedAt"]


@pytest.mark.parametrize(
    "body", [{}, {"passengers": []}, {"passengers": None}, {"passengers": "Rao"}, []]
)
def test_replacing_by_nobody_is_refused(api: APIClient, booking: Booking, body: Any) -> None:
    passengers.add(booking, GIVEN)
    answer = api.put(f"{URL}{booking.pk}/passengers/", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")
    assert booking.passengers.count() == 2


def test_while_somebody_pays_passengers_stay_as_they_are(api: APIClient, booking: Booking) -> None:
    passengers.add(booking, GIVEN)
    services._start_attempt(
        booking_id=booking.pk, key="k", payment_method="tok_visa", total_cost=None
    )
    for answer in (
        put(api, booking, [VIKRAM, ASHA]),
        patch(api, booking.passengers.all()[0], surname="Menon"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "payment_in_progress")
    assert named(booking) == [("Asha", "Rao", "ADULT"), ("Vikram", "Rao", "ADULT")]


def test_a_cancelled_booking_takes_no_passengers(api: APIClient, booking: Booking) -> None:
    passengers.add(booking, GIVEN)
    cancelling.cancel(booking_id=booking.pk)
    for answer in (
        put(api, booking, [VIKRAM, ASHA]),
        patch(api, booking.passengers.all()[0], surname="Menon"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "booking_cancelled")


def test_a_paid_booking_without_passengers_takes_them_once(
    api: APIClient, make_booking: Make
) -> None:
    booking = make_booking(status="BOOKED")
    assert put(api, booking, [ASHA, VIKRAM], contact=CONTACT).status_code == 200
    assert put(api, booking, [ASHA, VIKRAM], contact=CONTACT).status_code == 200, "a repeat"
    answer = put(api, booking, [ASHA, {**VIKRAM, "surname": "Roa"}])
    assert (answer.status_code, answer.json()["code"]) == (409, "passengers_settled")
    assert named(booking)[1][1] == "Rao"


def test_once_departed_a_booking_takes_no_passengers(api: APIClient, make_booking: Make) -> None:
    booking = make_booking(status="BOOKED", flight=leaving_in(seconds=-1))
    answer = put(api, booking, [ASHA, VIKRAM])
    assert (answer.status_code, answer.json()["code"]) == (409, "flight_departed")
    assert not booking.passengers.exists()


def test_after_some_seats_were_cancelled_the_rest_is_what_must_fit(
    api: APIClient, booking: Booking
) -> None:
    passengers.add(booking, GIVEN)
    gone = cancel_seat(booking, "Vikram")
    assert put(api, booking, [ASHA, VIKRAM]).json()["code"] == "passengers_do_not_fit"
    answer = put(api, booking, [{**ASHA, "surname": "Menon"}])
    assert [one["surname"] for one in answer.json()["passengers"]] == ["Menon"]
    gone.refresh_from_db()
    assert (gone.surname, booking.passengers.count()) == ("Rao", 2)


# --- Paying --------------------------------------------------------------------------------------


def pay(api: APIClient, booking: Booking, key: str) -> Any:
    body = {"paymentMethod": "tok_visa"}
    return api.post(f"{URL}{booking.pk}/payments/", body, headers={"Idempotency-Key": key})


def test_where_passengers_are_required_nobody_pays_without(
    api: APIClient, booking: Booking, others: OtherServices, settings: Any
) -> None:
    settings.PASSENGERS_REQUIRED = True
    others.all_well()
    answer = pay(api, booking, "k")
    assert (answer.status_code, answer.json()["code"]) == (409, "passengers_missing")
    assert others.sent(AUTHORISE) == []
    assert not booking.attempts.exists()
    put(api, booking, [ASHA, VIKRAM])
    assert pay(api, booking, "k").json()["status"] == "BOOKED"


def test_where_they_are_not_required_one_pays_without(
    api: APIClient, booking: Booking, others: OtherServices
) -> None:
    others.all_well()
    assert pay(api, booking, "k").json()["status"] == "BOOKED"


# --- Correcting names ----------------------------------------------------------------------------


def test_before_payment_a_name_may_become_any_other(api: APIClient, booking: Booking) -> None:
    passengers.add(booking, GIVEN)
    passenger = booking.passengers.all()[0]
    answer = patch(api, passenger, givenNames="Wilhelmina", surname="van der Berg")
    assert answer.status_code == 200
    assert answer.json()["passengers"][0]["surname"] == "van der Berg"
    passenger.refresh_from_db()
    assert (passenger.sold_given_names, passenger.sold_surname) == ("Wilhelmina", "van der Berg")


@pytest.mark.parametrize(
    ("names", "letters"),
    [
        ({"surname": "Rau"}, 1),
        ({"surname": "RAO"}, 0),
        ({"surname": "Menon"}, 4),
        ({"surname": "Roa", "givenNames": "Usha"}, 3),
        ({"surname": "Roa", "givenNames": "Oshi"}, 4),
        ({"givenNames": "Asha Li"}, 3),
        ({"givenNames": "Asha Lia"}, 4),
        ({"givenNames": ""}, 4),
        ({}, 0),
    ],
)
def test_after_payment_three_letters_may_change(
    api: APIClient, asha: Passenger, names: dict[str, str], letters: int
) -> None:
    answer = patch(api, asha, **names)
    asha.refresh_from_db()
    if letters <= 3:
        assert answer.status_code == 200
        assert asha.surname == names.get("surname", "Rao")
    else:
        assert (answer.status_code, answer.json()["code"]) == (409, "name_correction_refused")
        assert answer.json()["reason"] == "too_many_letters"
        assert f"{letters} letters" in answer.json()["detail"]
        assert (asha.given_names, asha.surname) == ("Asha", "Rao")


def test_corrections_are_measured_against_the_name_that_was_sold(
    api: APIClient, asha: Passenger
) -> None:
    assert patch(api, asha, surname="Rau").status_code == 200
    assert patch(api, asha, surname="Raum").status_code == 200
    assert patch(api, asha, surname="Baum").status_code == 200
    assert patch(api, asha, surname="Baume").json()["reason"] == "too_many_letters"
    assert patch(api, asha, surname="Rao").status_code == 200
    asha.refresh_from_db()
    assert (asha.surname, asha.sold_surname) == ("Rao", "Rao")


@pytest.mark.parametrize(("seconds", "status"), [(30, 200), (-30, 409), (-24 * 3600 - 30, 409)])
def test_a_name_is_corrected_until_a_day_before_departure(
    api: APIClient, make_booking: Make, seconds: int, status: int
) -> None:
    booking = with_people(make_booking(flight=leaving_in(hours=24, seconds=seconds)))
    answer = patch(api, booking.passengers.all()[0], surname="Rau")
    assert answer.status_code == status
    assert answer.json().get("reason") == (None if status == 200 else "too_late")


def test_the_rule_comes_from_settings(api: APIClient, make_booking: Make, settings: Any) -> None:
    settings.NAME_CORRECTION_LETTERS, settings.NAME_CORRECTION_HOURS = 5, 2
    booking = with_people(make_booking(flight=leaving_in(hours=3)))
    assert patch(api, booking.passengers.all()[0], surname="Menon").status_code == 200


def test_staff_correct_names_freely(as_staff: APIClient, make_booking: Make) -> None:
    booking = with_people(make_booking(flight=leaving_in(minutes=-1)))
    passenger = booking.passengers.all()[0]
    assert patch(as_staff, passenger, surname="Menon-Krishnamurthy").status_code == 200
    passenger.refresh_from_db()
    assert passenger.sold_surname == "Rao"


@pytest.mark.parametrize("role", ["finance", "schedule manager"])
def test_staff_of_another_role_change_no_names(role: str, asha: Passenger) -> None:
    client = APIClient()
    client.force_authenticate(make_staff(role))
    assert patch(client, asha, surname="Rau").status_code in (403, 404)
    assert put(client, asha.booking, [ASHA, VIKRAM]).status_code in (403, 404)


def test_who_does_not_travel_any_more_has_no_name_to_correct(
    api: APIClient, as_staff: APIClient, booking: Booking
) -> None:
    passengers.add(booking, GIVEN)
    gone = cancel_seat(booking, "Vikram")
    for client in (api, as_staff):
        answer = patch(client, gone, surname="Rau")
        assert (answer.status_code, answer.json()["code"]) == (409, "name_correction_refused")
        assert answer.json()["reason"] == "seat_cancelled"


@pytest.mark.parametrize(
    "names",
    [
        {"surname": ""},
        {"surname": None},
        {"surname": "Rao\0"},
        {"surname": "R2"},
        {"givenNames": "a" * 61},
        {"type": "CHILD"},
        {"cancellation": None},
    ],
)
def test_a_correction_that_is_no_name_is_refused(
    api: APIClient, asha: Passenger, names: dict[str, Any]
) -> None:
    answer = patch(api, asha, **names)
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")


# --- Whose they are ------------------------------------------------------------------------------


def test_anothers_booking_is_not_there(stranger: User, asha: Passenger) -> None:
    client = APIClient()
    client.force_authenticate(stranger)
    for answer in (put(client, asha.booking, [VIKRAM, ASHA]), patch(client, asha, surname="Rau")):
        assert (answer.status_code, answer.json()["code"]) == (404, "booking_not_found")
    asha.refresh_from_db()
    assert asha.surname == "Rao"


def test_a_passenger_of_another_booking_is_not_there(
    api: APIClient, booked: Booking, make_booking: Make
) -> None:
    other = with_people(make_booking())
    elsewhere = other.passengers.all()[0].pk
    for number in (elsewhere, 10**9, 10**30, 0):
        answer = api.patch(f"{URL}{booked.pk}/passengers/{number}/", {"surname": "Rau"})
        assert (answer.status_code, answer.json()["code"]) == (404, "passenger_not_found")
    assert not Passenger.objects.filter(surname="Rau").exists()


def test_without_a_token_nobody_changes_passengers(asha: Passenger) -> None:
    assert put(APIClient(), asha.booking, [ASHA, VIKRAM]).status_code == 401
    assert patch(APIClient(), asha, surname="Rau").status_code == 401


# --- Not told to anyone --------------------------------------------------------------------------


def test_names_are_in_no_log_and_in_no_text_about_the_rows(
    api: APIClient, booking: Booking, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, "django.db.backends")  # which shows SQL, where DEBUG is on
    secret = {"givenNames": "Xanthippe", "surname": "Quirinus"}
    put(api, booking, [secret, VIKRAM], contact={"email": "xanthippe@example.com"})
    passenger = booking.passengers.get(surname="Quirinus")
    patch(api, passenger, surname="Quirinus2")
    Booking.objects.update(status="BOOKED")
    patch(api, passenger, surname="Quirinusquirinus")
    with pytest.raises(errors.NameCorrectionRefused) as refused:
        passengers.correct(
            booking_id=booking.pk, passenger_id=passenger.pk, surname="Quirinusquirinus"
        )
    given = PassengerName("Quirinus", "Xanthippe")
    contact = passengers.Contact("xanthippe@example.com", "+912212345678")
    told = [caplog.text, str(passenger), repr(passenger), str(refused.value)]
    told += [repr(given), repr(contact)]
    for text in told:
        assert "quirinus" not in text.lower()
        assert "xanthippe" not in text.lower()
        assert "+9122" not in text


# --- Forgetting ----------------------------------------------------------------------------------


def is_forgotten(booking: Booking) -> bool:
    """Whether nothing of people is left in a booking; False if all is."""
    booking.refresh_from_db()
    names = "given_names", "surname", "sold_given_names", "sold_surname"
    people = list(booking.passengers.values_list(*names))
    contact = booking.contact_email + booking.contact_phone
    if (people, contact) == ([("",) * 4] * 2, ""):
        return booking.fingerprint in ("", "forgotten")
    assert all(map(all, people)), "half forgotten"
    return False


def test_with_the_account_goes_who_flew(traveller: User, make_booking: Make) -> None:
    more = {"contact_email": "a@example.com", "contact_phone": "+912212345678"}
    past = with_people(make_booking(flight=leaving_in(minutes=-1), fingerprint="f" * 64, **more))
    cancelled = with_people(make_booking(**more), status="INITIATED")
    cancelling.cancel(booking_id=cancelled.pk)
    coming = with_people(make_booking(flight=leaving_in(hours=1), **more))
    forget(traveller, password=PASSWORD)
    assert [is_forgotten(one) for one in (past, cancelled, coming)] == [True, True, False]
    assert coming.contact_email == "a@example.com"


def test_who_still_travels_is_forgotten_after_the_journey(
    traveller: User, make_booking: Make
) -> None:
    booking = with_people(make_booking(flight=leaving_in(hours=1)))
    forget(traveller, password=PASSWORD)
    assert tasks.forget_travellers() == 0
    Booking.objects.update(flight=leaving_in(minutes=-1))
    assert tasks.forget_travellers() == 1
    assert is_forgotten(booking)
    assert tasks.forget_travellers() == 0, "there is nothing left to forget"


def test_who_keeps_the_account_is_not_forgotten(make_booking: Make) -> None:
    booking = with_people(make_booking(flight=leaving_in(days=-400)))
    assert tasks.forget_travellers() == 0
    assert not is_forgotten(booking)


def test_what_could_not_be_forgotten_keeps_the_account_open(
    traveller: User, make_booking: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_people(make_booking(flight=leaving_in(minutes=-1)))

    def fail(booking_id: int) -> bool:
        raise ConnectionError

    monkeypatch.setattr("bookings.forgetting._forget", fail)
    with pytest.raises(ConnectionError):
        forget(traveller, password=PASSWORD)
    traveller.refresh_from_db()
    assert traveller.is_active


# --- At once -------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_passengers_that_meet_a_payment_come_before_it_or_not_at_all(booking: Booking) -> None:
    with transaction.atomic():
        locked = moves.lock_booking(booking.pk)
        replacing = start(partial(passengers.replace, booking_id=booking.pk, given=GIVEN))
        wait_until(somebody_waits_for_a_lock)
        moves.start_attempt(locked, idempotency_key="k", payment_method="tok_visa")
    assert isinstance(replacing.result(10), errors.PaymentInProgress)
    assert not booking.passengers.exists()


@pytest.mark.django_db(transaction=True)
def test_a_payment_that_waits_for_passengers_sees_them(
    booking: Booking, others: OtherServices, settings: Any
) -> None:
    settings.PASSENGERS_REQUIRED = True
    others.all_well()
    with transaction.atomic():
        moves.lock_booking(booking.pk)
        paying = start(
            partial(services.pay, booking_id=booking.pk, key="k", payment_method="tok_visa")
        )
        wait_until(somebody_waits_for_a_lock)
        passengers.add(booking, GIVEN)
    assert isinstance(paying.result(10), services.Paid)


@pytest.mark.django_db(transaction=True)
def test_of_many_lists_at_once_one_stands_whole(booking: Booking) -> None:
    families = [
        [PassengerName(name, "Asha"), PassengerName(name, "Vikram")]
        for name in ("Rao", "Menon", "Iyer", "Bose", "Khan", "Sen")
    ]
    works = [
        partial(passengers.replace, booking_id=booking.pk, given=family) for family in families
    ]
    assert {type(result) for result in run_at_once(*works)} == {Booking}
    assert booking.passengers.count() == 2
    assert len({one.surname for one in booking.passengers.all()}) == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_list_at_once_is_put_once(booking: Booking) -> None:
    work = partial(passengers.replace, booking_id=booking.pk, given=GIVEN)
    run_at_once(*[work] * 6)
    assert named(booking) == [("Asha", "Rao", "ADULT"), ("Vikram", "Rao", "ADULT")]


@pytest.mark.django_db(transaction=True)
def test_a_paid_booking_takes_the_first_of_many_lists(make_booking: Make) -> None:
    booking = make_booking(status="BOOKED")
    works = [
        partial(passengers.replace, booking_id=booking.pk, given=[PassengerName(name)] * 2)
        for name in ("Rao", "Menon", "Iyer", "Bose")
    ]
    results = [type(result) for result in run_at_once(*works)]
    assert sorted(results, key=str) == sorted([Booking] + [errors.PassengersSettled] * 3, key=str)
    assert booking.passengers.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_correction_that_waits_for_a_cancellation_is_refused(booking: Booking) -> None:
    passengers.add(booking, GIVEN)
    passenger = booking.passengers.all()[0]
    with transaction.atomic():
        locked = moves.lock_booking(booking.pk)
        correcting = start(
            partial(
                passengers.correct,
                booking_id=booking.pk,
                passenger_id=passenger.pk,
                surname="Menon",
            )
        )
        wait_until(somebody_waits_for_a_lock)
        moves.cancel(locked, CancellationReason.USER)
    assert isinstance(correcting.result(10), errors.BookingCancelled)
    passenger.refresh_from_db()
    assert passenger.surname == "Rao"


@pytest.mark.django_db(transaction=True)
def test_correcting_and_cancelling_the_seat_at_once_end_in_one_of_two_ways(
    booking: Booking,
) -> None:
    passengers.add(booking, GIVEN)
    passenger = booking.passengers.all()[0]
    quote = quote_of(booking, passenger)
    corrected, cancelled = run_at_once(
        partial(
            passengers.correct, booking_id=booking.pk, passenger_id=passenger.pk, surname="Menon"
        ),
        partial(
            cancelling.cancel,
            booking_id=booking.pk,
            quote_id=quote,
            passengers=[passenger.pk],
        ),
    )
    assert isinstance(cancelled, Booking)
    passenger.refresh_from_db()
    assert passenger.cancellation is not None
    if isinstance(corrected, errors.NameCorrectionRefused):
        assert passenger.surname == "Rao"
    else:
        assert passenger.surname == "Menon"


@pytest.mark.django_db(transaction=True)
def test_forgetting_waits_for_a_correction_and_leaves_no_name(
    traveller: User, make_booking: Make
) -> None:
    booking = with_people(make_booking(flight=leaving_in(minutes=-1)))
    with transaction.atomic():
        moves.lock_booking(booking.pk)
        forgetting = start(partial(forget, traveller, password=PASSWORD))
        wait_until(somebody_waits_for_a_lock)
        booking.passengers.update(surname="Menon")
    assert forgetting.result(10) is None
    assert is_forgotten(booking)
