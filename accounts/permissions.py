"""What staff may do through the API: what their role lets them do in the admin."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request


def may(user: Any, permission: str) -> bool:
    """Whether `user` is staff and has a permission ("flights.change_flight").

    Neither is enough alone. Our own services, and nobody, never may.
    """
    return bool(user and user.is_staff and user.has_perm(permission))


class ReadOrRole(BasePermission):
    """Anyone reads; who writes needs the model's permission to add, change or delete.

    An action of a view's own (`cancel`) is a change.
    """

    verbs = {"create": "add", "destroy": "delete"}

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method in SAFE_METHODS:
            return True
        model = view.get_queryset().model._meta
        verb = self.verbs.get(view.action, "change")
        return may(request.user, f"{model.app_label}.{verb}_{model.model_name}")
