import time
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from stack.harness import Answer, LocalStack
from stack.program import StackError

WINDOW_SECONDS = 6
FLIGHT = 1


class Command(BaseCommand):
    help = (
        "Play the main job against real processes with data of their own: a booking rolls back "
        "when seats are short, one is paid and booked, one rolls back while the flights service "
        "is down, and an unpaid one expires. Then recount everything. Exit status 1 if any of it "
        "is not as it should be."
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write("Starting PostgreSQL, Valkey, three services, a worker and beat …")
        windows = {"PAYMENT_WINDOW_SECONDS": str(WINDOW_SECONDS), "EXPIRY_SWEEP_SECONDS": "1"}
        try:
            with LocalStack(env=windows) as stack:
                self._play(stack)
        except StackError as error:
            raise CommandError(str(error)) from error

    def _play(self, stack: LocalStack) -> None:
        self.traveller = stack.login("traveller")
        self.before = self._seats()
        self.stdout.write(f"Flight {FLIGHT} has {self.before} seats left.")
        self._short_of_seats(stack)
        self._booked()
        self._flights_down(stack)
        self._expires()
        self._audit(stack)
        self.stdout.write(self.style.SUCCESS("\nAll as promised."))

    def _short_of_seats(self, stack: LocalStack) -> None:
        self._title("1. Seats are short: the booking rolls back")
        flight_id = self._small_flight(stack)
        answer = self._create(9, flight_id)
        self._expect(answer, 409, "seats_unavailable")
        self._check(answer.body["remainingSeats"] == 3, "the answer says that 3 seats remain")
        self._check(self._seats(flight_id) == 3, "the 3 seats are still there")
        self._check(self._count() == 0, "there is no booking")

    def _booked(self) -> None:
        self._title("2. A booking commits, is paid, and is BOOKED")
        created = self._create(5)
        self._expect(created, 201, "INITIATED")
        self._check(self._seats() == self.before - 5, "5 seats are held")
        path = f"bookings/{created.body['id']}/payments/"
        paid = self.traveller.post(path, {"paymentMethod": "tok_visa"}, Idempotency_Key="demo-1")
        self._expect(paid, 200, "BOOKED")
        payment = paid.body["payments"][0]
        self._check(
            payment["status"] == "CAPTURED" and payment["amount"] == created.body["totalCost"],
            f"{payment['amount']} {payment['currency']} were captured, after the commit",
        )

    def _flights_down(self, stack: LocalStack) -> None:
        self._title("3. The flights service is down: the booking rolls back")
        stack.stop("flights")
        self._line("the flights process is stopped")
        self._expect(self._create(2), 503, "flights_unavailable")
        stack.start("flights")
        self._line("the flights process runs again")
        self._check(self._count() == 1, "there is still one booking only")
        self._check(self._seats() == self.before - 5, "no seat is missing")

    def _expires(self) -> None:
        self._title(f"4. Nobody pays: after {WINDOW_SECONDS} seconds the seats are back")
        created = self._wait_for(lambda: self._create(4), lambda answer: answer.status == 201)
        self._expect(created, 201, "INITIATED")
        self._check(self._seats() == self.before - 9, "4 more seats are held")
        path = f"bookings/{created.body['id']}/"
        self._wait_for(
            lambda: self.traveller.get(path), lambda answer: answer.body["status"] == "CANCELLED"
        )
        reason = self.traveller.get(path).body["cancellationReason"]
        self._check(reason == "TIMEDOUT", "the booking is CANCELLED, reason TIMEDOUT")
        self._wait_for(self._seats, lambda seats: seats == self.before - 5)
        self._line("its 4 seats are free again")

    def _audit(self, stack: LocalStack) -> None:
        self._title("manage.py audit")
        audit = stack.manage("audit")
        self._line(audit.stdout.strip() or audit.stderr.strip())
        self._check(audit.returncode == 0, "everything adds up")

    # --- Doing ------------------------------------------------------------------------------------

    def _create(self, seats: int, flight_id: int = FLIGHT) -> Answer:
        return self.traveller.post("bookings/", {"flightId": flight_id, "noOfSeats": seats})

    def _small_flight(self, stack: LocalStack) -> int:
        """A flight like flight 1, a day later, with three seats."""
        admin = stack.login("admin")
        like = admin.get(f"flights/{FLIGHT}/").body
        answer = admin.post(
            "flights/",
            {
                "flightNumber": "ZZ1",
                "airplaneId": like["airplane"]["id"],
                "departureAirportId": like["departureAirport"]["code"],
                "arrivalAirportId": like["arrivalAirport"]["code"],
                "departureTime": like["departureTime"],
                "arrivalTime": like["arrivalTime"],
                "price": like["price"],
                "totalSeats": 3,
            },
        )
        self._expect(answer, 201, "SCHEDULED")
        return int(answer.body["id"])

    def _seats(self, flight_id: int = FLIGHT) -> int:
        return int(self.traveller.get(f"flights/{flight_id}/").body["remainingSeats"])

    def _count(self) -> int:
        return len(self.traveller.get("bookings/").body["results"])

    # --- Saying -----------------------------------------------------------------------------------

    def _title(self, text: str) -> None:
        self.stdout.write(self.style.MIGRATE_HEADING(f"\n{text}"))

    def _line(self, text: str) -> None:
        self.stdout.write(f"   {text}")

    def _expect(self, answer: Answer, status: int, word: str) -> None:
        """The answer has this status, and this state or problem code."""
        said = answer.body.get("code") or answer.body.get("status")
        self._check((answer.status, said) == (status, word), f"answer {answer.status} {said}")

    def _check(self, holds: bool, text: str) -> None:
        if not holds:
            raise CommandError(f"Not as promised: {text}")
        self._line(text)

    def _wait_for(
        self, read: Callable[[], Any], holds: Callable[[Any], bool], seconds: float = 30
    ) -> Any:
        deadline = time.monotonic() + seconds
        while not holds(value := read()):
            if time.monotonic() > deadline:
                raise CommandError(f"Not as promised within {seconds:.0f} seconds: {value}")
            time.sleep(0.2)
        return value
