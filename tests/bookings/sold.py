"""A flight as a booking keeps it, with all that mails tell of it."""

from typing import Any

DELHI = {
    "code": "DEL",
    "name": "Indira Gandhi International",
    "city": "Delhi",
    "country": "IN",
    "timeZone": "Asia/Kolkata",
}
BERLIN = {
    "code": "BER",
    "name": "Brandenburg",
    "city": "Berlin",
    "country": "DE",
    "timeZone": "Europe/Berlin",
}
SOLD: dict[str, Any] = {
    "id": 1,
    "flightNumber": "UK808",
    "departureAirport": DELHI,
    "arrivalAirport": BERLIN,
    "departureTime": "2099-12-24T04:30:00Z",
    "arrivalTime": "2099-12-24T12:30:00Z",
    "fare": "STANDARD",
}
