from django.apps import AppConfig


class MutantsConfig(AppConfig):
    name = "tests.chaos.mutants"

    def ready(self) -> None:
        from tests.chaos.mutants import changes  # noqa: F401  (importing changes the code)
