"""Django's PostgreSQL, with a health check that costs nothing (`ENGINE` in the settings)."""

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def is_usable(self) -> bool:
        """Whether a kept connection still has a server at its other end.

        Django asks before the first statement of each request, by a statement of its own. But a
        connection at rest has nothing to be read, and one that the server closed has: so the server
        is only asked where something waits.
        """
        if self.connection is not None and not self.connection.closed:
            poll = select.poll()
            poll.register(self.connection, select.POLLIN)
            if not poll.poll(0):
                return True
        return bool(super().is_usable())
