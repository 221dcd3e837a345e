"""Where a process can stand: each name says whose work it is, and the function in the code."""

END = ""

# create
TAKE_SEATS = "create: SeatsInHand.take"
INSERT = "create: insert and COMMIT"
GIVE_UP_SEATS = "create: give up the hold"
# pay, and the reconciler where it goes on for somebody else
AUTHORISE = "pay: authorise"
DECLINE = "pay: _decline"
CONFIRM = "pay: confirm"
BOOK = "pay: _book"
LOSE_SEATS = "pay: _lose_seats"
TAKE_BACK = "pay: _take_back"
# reconcile
FIND = "reconcile: find"
# relay
CAPTURE = "relay: capture"
VOID_REFUSED = "relay: void what is never captured"
FAIL_CAPTURE = "relay: _fail_capture"
SETTLE_CAPTURED = "relay: _settle CAPTURED"
GIVE_BACK_VOID = "relay: give back, void"
GIVE_BACK_REFUND = "relay: give back, refund"
SETTLE_VOIDED = "relay: _settle VOIDED"
SETTLE_REFUNDED = "relay: _settle REFUNDED"
# Only where a rule is left out
VOID_THEN_LOSE_SEATS = "pay: void, then _lose_seats"
VOID_THEN_TAKE_BACK = "reconcile: void, then _take_back"
SWEEP_SELECTED = "sweep: cancel what was selected before"

# Whoever stands here works on an attempt that is not decided yet.
PAYING = frozenset(
    {AUTHORISE, DECLINE, CONFIRM, BOOK, LOSE_SEATS, TAKE_BACK, FIND}
    | {VOID_THEN_LOSE_SEATS, VOID_THEN_TAKE_BACK}
)
