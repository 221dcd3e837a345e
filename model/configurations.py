"""How much of the world a run looks at: the more, the longer it takes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Configuration:
    """One flight with `seats` seats, and a sale for each number in `attempts`.

    A sale is a booking of one seat, with up to that many attempts to pay it. At most `running`
    processes run at one time, and at most `late` requests are on their way without a caller.
    """

    says: str
    seats: int = 1
    attempts: tuple[int, ...] = (1,)
    running: int = 2
    late: int = 1
    others_buy: bool = True  # somebody else may take a free seat, and keep it
    faults: bool = True  # crashes, lost and late and doubled messages
    cancels: bool = True  # travellers cancel
    skew: bool = True  # a hold may expire before its booking's deadline
    refusals: bool = True  # any capture may be refused, also one that would work another time
    never_captured: bool = False  # some payments are never captured, however often one asks
    unknown_methods: bool = False  # the provider may not know a payment method
    on_time: bool = False  # the lease and the grace are long enough: see rules.py


SMALL = {
    "one": Configuration("one attempt, two processes, one late request"),
    "stubborn": Configuration(
        "as `one`, with payments that are never captured, and methods that nobody knows",
        refusals=False,
        never_captured=True,
        unknown_methods=True,
    ),
    "calm": Configuration(
        "two attempts, three processes, nothing fails and all are on time",
        attempts=(2,),
        running=3,
        late=0,
        faults=False,
        cancels=False,
        skew=False,
        refusals=False,
        on_time=True,
    ),
    "rivals": Configuration(
        "two bookings of the last seat, no late requests",
        attempts=(1, 1),
        late=0,
        others_buy=False,
        cancels=False,
    ),
}

LARGE = {  # the longest run first
    "full": Configuration(
        "two bookings of the last seat, three attempts, no late requests",
        attempts=(2, 1),
        late=0,
        others_buy=False,
    ),
    "solo": Configuration(
        "two attempts, three processes, two late requests",
        attempts=(2,),
        running=3,
        late=2,
        unknown_methods=True,
    ),
    "family": Configuration(
        "two bookings and two seats, one attempt each", seats=2, attempts=(1, 1), others_buy=False
    ),
    "pair": Configuration(
        "two bookings of the last seat, one attempt each", attempts=(1, 1), others_buy=False
    ),
    "crowd": Configuration("one attempt, five processes, four late requests", running=5, late=4),
    "retry": Configuration(
        "two attempts, two processes, one late request", attempts=(2,), unknown_methods=True
    ),
}

CONFIGURATIONS = SMALL | LARGE
