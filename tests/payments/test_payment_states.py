from payments.states import PAYMENT_MOVES, PaymentStatus


def test_the_moves_of_a_payment_are_exactly_these():
    moves = {(start.value, end.value) for start, ends in PAYMENT_MOVES.items() for end in ends}

    assert moves == {("REQUIRES_CAPTURE", "SUCCEEDED"), ("REQUIRES_CAPTURE", "CANCELED")}


def test_every_status_has_its_moves():
    assert set(PAYMENT_MOVES) == set(PaymentStatus)
