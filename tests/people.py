"""People of each role, for tests that ask who may do what."""

from django.contrib.auth.models import Group

from accounts.models import User

PASSWORD = "correct horse"


def make_staff(role: str, name: str = "sol") -> User:
    """Somebody in a role's group, as every migrate leaves it."""
    user = User.objects.create_user(name, f"{name}@example.com", PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user
