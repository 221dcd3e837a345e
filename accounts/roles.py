"""What staff may do: Django groups, which hold what this table says after every migrate.

A traveller is in no group. The staff flag opens the admin's door, and nothing behind it: the API,
too, asks for the flag *and* the permission. Groups of other names are left alone.
"""

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed


def _each(verbs: str, models: str) -> str:
    """`_each("view add", "city flight")` is "view_city view_flight add_city add_flight"."""
    return " ".join(f"{verb}_{model}" for verb in verbs.split() for model in models.split())


CATALOGUE = "city airport airline airplane flight"
OF_A_BOOKING = "booking passenger paymentattempt cancellation refund rebooking outboxmessage"
EVERYTHING = "*"

# Role → app → codenames; a name that the app does not have (yet) is passed over.
ROLES: dict[str, dict[str, str] | str] = {
    "support": {
        "accounts": "view_user",
        "flights": _each("view", CATALOGUE),
        "bookings": (
            f"{_each('view', OF_A_BOOKING)} view_message change_message "
            "book_for_others cancel_any_booking extend_booking change_passenger handle_disruption"
        ),
    },
    "schedule manager": {
        "flights": f"{_each('view add change delete', CATALOGUE)} view_seathold",
        "bookings": "handle_disruption",
    },
    "finance": {
        "flights": _each("view", CATALOGUE),
        "bookings": (
            f"{_each('view', OF_A_BOOKING)} view_message view_auditrun refund_booking "
            f"{_each('view add change delete', 'refundrule')}"
        ),
        "payments": _each("view", "payment refund"),
    },
    "admin": EVERYTHING,
}


def keep_in_step(
    app_config: AppConfig, using: str = "default", apps: Any = installed, **kwargs: Any
) -> None:
    """Give each role's group what the table says of one app: what is missing, and nothing more.

    Sent after each migrate for each app, when that app's permissions have just been made: so it
    does not matter which apps there are as yet, and in which order they come.
    """
    try:
        Group, Permission = apps.get_model("auth.Group"), apps.get_model("auth.Permission")
    except LookupError:
        return
    codenames = dict(
        Permission.objects.using(using)
        .filter(content_type__app_label=app_config.label)
        .values_list("pk", "codename")
    )
    if not codenames:
        return
    groups = dict(Group.objects.using(using).filter(name__in=ROLES).values_list("name", "pk"))
    for name in ROLES.keys() - groups.keys():
        groups[name] = Group.objects.using(using).create(name=name).pk
    wanted = {
        (groups[role], pk)
        for role in ROLES
        for pk, codename in codenames.items()
        if _allows(role, app_config.label, codename)
    }
    grants = Group.permissions.through.objects.using(using)
    rows = grants.filter(group__in=groups.values(), permission__in=codenames)
    granted = {(row.group_id, row.permission_id): row.pk for row in rows}
    grants.filter(pk__in=[pk for pair, pk in granted.items() if pair not in wanted]).delete()
    grants.bulk_create(
        grants.model(group_id=group, permission_id=permission)
        for group, permission in sorted(wanted - granted.keys())
    )


def _allows(role: str, app: str, codename: str) -> bool:
    table = ROLES[role]
    return table == EVERYTHING if isinstance(table, str) else codename in table.get(app, "").split()
