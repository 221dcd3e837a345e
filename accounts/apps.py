from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import checks  # noqa: F401  (importing registers them)
        from accounts.roles import keep_in_step

        # Of every app, and after `django.contrib.auth` has made its permissions.
        post_migrate.connect(keep_in_step, dispatch_uid="accounts.roles")
