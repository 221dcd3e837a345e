"""What accounts tell whoever keeps something about a person."""

from django.dispatch import Signal

# Sent with `user`, within the transaction that forgets the person: who keeps names or addresses of
# theirs forgets them, too, or raises, and nothing is forgotten.
account_forgotten = Signal()
