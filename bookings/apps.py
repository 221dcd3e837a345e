from django.apps import AppConfig


class BookingsConfig(AppConfig):
    name = "bookings"

    def ready(self) -> None:
        from bookings import actor, checks, forgetting  # noqa: F401  (importing registers them)
