from django.apps import AppConfig
from django.contrib.admin import apps as admin
from django.db.models.signals import post_migrate, pre_migrate


class CommonConfig(AppConfig):
    name = "common"

    def ready(self) -> None:
        from common import checks, database  # noqa: F401  (importing registers the checks)

        pre_migrate.connect(database.unbound_migrations, sender=self)
        post_migrate.connect(database.set_role_timeouts, sender=self)


class AdminConfig(admin.AdminConfig):
    """Django's admin on our own site."""

    default = False
    default_site = "common.admin_site.AdminSite"
