"""Django's PostgreSQL, with a health check that costs nothing (`ENGINE` in the settings)."""

import select

from django.db.backends.postgresql import base
from psycopg2.extensions import TRANSACTION_STATUS_IDLE


class DatabaseWrapper(base.DatabaseWrapper):
    def is_usable(self) -> bool:
        """Whether a kept connection still has a server at its other end.

        Django asks before the first statement of each request, by a statement of its own. But a
        connection at rest has nothing to be read, and one that the server closed has: so the server
        is only asked where something waits.
        """
        if self._is_at_rest():
            poll = select.poll()
            poll.register(self.connection, select.POLLIN)
            if not poll.poll(0):
                return True
        return bool(super().is_usable())

    def _is_at_rest(self) -> bool:
        """Open, without an error so far, and in no transaction, broken or not."""
        if self.connection is None or self.connection.closed or self.errors_occurred:
            return False
        return bool(self.connection.get_transaction_status() == TRANSACTION_STATUS_IDLE)
