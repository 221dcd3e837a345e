from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    """A traveller, or staff (`is_staff`). Our own model from the first migration on."""
