from typing import Any

from django.utils import timezone
from knox.auth import TokenAuthentication as KnoxTokenAuthentication
from rest_framework.exceptions import AuthenticationFailed


class TokenAuthentication(KnoxTokenAuthentication):
    """Knox's, without its loading of all of a user's tokens at each request."""

    def authenticate_credentials(self, token: bytes) -> Any:
        if not token.isalnum():  # no NUL, of which PostgreSQL would complain
            raise AuthenticationFailed("Invalid token.")
        return super().authenticate_credentials(token)

    def _cleanup_token(self, auth_token: Any) -> bool:
        """Whether this token is over; it is deleted then. Others wait for their own turn."""
        if auth_token.expiry is None or auth_token.expiry > timezone.now():
            return False
        auth_token.delete()
        return True
