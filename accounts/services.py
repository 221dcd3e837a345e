"""What becomes of accounts, and of the tokens and sessions by which people are known.

Each decision is taken under the lock of the User row. So a log-in that meets a change of password
either sees the new password and fails, or its token is there to be ended.
"""

from django.contrib.admin.models import LogEntry
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import default_token_generator
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.utils.encoding import force_str
from django.utils.http import urlsafe_base64_decode
from knox.models import AuthToken

from accounts.errors import ResetLinkInvalid, WrongPassword
from accounts.models import User
from accounts.signals import account_forgotten


@transaction.atomic
def open_token(user: User) -> tuple[AuthToken, str] | None:
    """A new token for `user`, who was just authenticated; None if that holds no more.

    Hashed at rest: the text beside the row is shown this once.
    """
    own = _locked(user.pk)
    if not own or not own.is_active or own.password != user.password:
        return None
    return AuthToken.objects.create(own)


@transaction.atomic
def end_logins(user: User) -> None:
    """End all of a person's tokens and sessions."""
    if own := _locked(user.pk):
        _end_logins(own)


@transaction.atomic
def change_password(user: User, *, old: str, new: str, keep: AuthToken | None = None) -> User:
    """Set a new password, and end all tokens and sessions but `keep`. Raises WrongPassword.

    Answers the user as they are now.
    """
    own = _with_password(user, old)
    own.set_password(new)
    own.save(update_fields=["password"], keep=keep)
    return own


@transaction.atomic
def change_profile(user: User, *, password: str | None = None, **changes: str) -> User:
    """Change address and name; another address needs the password. Raises WrongPassword.

    Answers the user as they are now.
    """
    own = _with_password(user, password) if password is not None else _locked(user.pk)
    if not own or (password is None and changes.get("email", own.email) != own.email):
        raise WrongPassword
    for name, value in changes.items():
        setattr(own, name, value)
    own.save(update_fields=[*changes])
    return own


def find_by_uid(uid: str) -> User | None:
    """The user that a link's first part means; not locked, and nothing is proven by it."""
    try:
        return User.objects.filter(pk=int(force_str(urlsafe_base64_decode(uid)))).first()
    except (ValueError, OverflowError):
        return None


@transaction.atomic
def reset_password(*, uid: str, token: str, new: str) -> None:
    """Set a new password by a link from a mail, once; ends all tokens and sessions.

    Raises ResetLinkInvalid, and Django's ValidationError for a password that is too weak.
    """
    found = find_by_uid(uid)
    own = _locked(found.pk) if found else None
    if not own or not own.is_active or not default_token_generator.check_token(own, token):
        raise ResetLinkInvalid
    validate_password(new, own)
    own.set_password(new)
    own.save(update_fields=["password"])


@transaction.atomic
def forget(user: User, *, password: str) -> None:
    """Close an account and forget the person: bookings stay, under a name that says nothing.

    Final. Raises WrongPassword.
    """
    own = _with_password(user, password)
    own.username = f"forgotten:{own.pk}"  # no name that anybody could choose
    own.email = own.first_name = own.last_name = ""
    own.is_active = own.is_staff = own.is_superuser = False
    own.last_login = None
    own.set_unusable_password()
    own.save()
    own.groups.clear()
    own.user_permissions.clear()
    _end_logins(own)
    kind = ContentType.objects.get_for_model(User)
    LogEntry.objects.filter(content_type=kind, object_id=str(own.pk)).update(
        object_repr=own.username
    )
    account_forgotten.send(sender=User, user=own)


def _locked(pk: int) -> User | None:
    # Not against those who merely refer to the row: bookings go on being made.
    return User.objects.select_for_update(no_key=True).filter(pk=pk).first()


def _with_password(user: User, password: str) -> User:
    own = _locked(user.pk)
    if not own or not own.check_password(password):
        raise WrongPassword
    return own


def _end_logins(own: User) -> None:
    AuthToken.objects.filter(user=own).delete()
    own.sessions_ended += 1
    own.save(update_fields=["sessions_ended"])
