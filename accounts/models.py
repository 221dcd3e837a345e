from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.crypto import salted_hmac
from knox.models import AuthToken

from accounts.names import fold, validate_username


class People(UserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        """Who logs in under this name, however it is written."""
        return self.get(name_key=fold(username or ""))


class User(AbstractUser):
    """A traveller, or staff: `is_staff` opens the admin, groups say what may be done (roles.py)."""

    username = models.CharField(
        max_length=150,
        unique=True,
        validators=[validate_username],
        help_text="150 characters or fewer: letters, digits and @ . + - _ only.",
        error_messages={"unique": "A user with that username already exists."},
    )
    # Names that differ only in case, or in how characters are composed, share a key: one account.
    name_key = models.TextField(unique=True, editable=False)
    sessions_ended = models.PositiveIntegerField(
        default=0, editable=False, help_text="How often this person logged out everywhere"
    )

    objects: ClassVar[People] = People()

    def save(self, *args: Any, keep: Any = None, **kwargs: Any) -> None:
        """A new password, whoever sets it, ends all tokens but `keep`."""
        self.name_key = fold(self.username)
        if "username" in (kwargs.get("update_fields") or ()):
            kwargs["update_fields"] = {*kwargs["update_fields"], "name_key"}
        # Set just now, and not the old one, merely hashed better.
        new_password = getattr(self, "_password", None) is not None
        with transaction.atomic():
            super().save(*args, **kwargs)
            if new_password:
                AuthToken.objects.filter(user=self).exclude(pk=keep and keep.pk).delete()

    def clean(self) -> None:
        """For forms: tell of a taken name, however it is written, before the database does."""
        super().clean()
        if User.objects.filter(name_key=fold(self.username)).exclude(pk=self.pk).exists():
            raise ValidationError({"username": self.unique_error_message(User, ("username",))})

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What each session must carry: another after each change of password and log-out."""
        return salted_hmac(
            "accounts.User.session",
            f"{self.sessions_ended} {self.password}",
            secret=secret,
            algorithm="sha256",
        ).hexdigest()
