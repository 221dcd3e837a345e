from collections.abc import Iterator

import pytest

from stack.harness import LocalStack

# Short enough to wait for in a test.
SHORT_TIMES = {
    "PAYMENT_WINDOW_SECONDS": "5",
    "EXPIRY_SWEEP_SECONDS": "1",
    "OUTBOX_SECONDS": "1",
    "RECONCILE_SECONDS": "1",
    "LOCK_TIMEOUT_SECONDS": "1",
    "FLIGHTS_READ_TIMEOUT": "3",
    "PAYMENTS_READ_TIMEOUT": "3",
    "SERVICE_CONNECT_TIMEOUT": "0.5",
    "PAY_LEASE_SECONDS": "17",
    "HOLD_GRACE_SECONDS": "45",
}


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    """The real stack, all processes and demo data; one for the whole run. Leave it running."""
    with LocalStack(env=SHORT_TIMES) as running:
        yield running
