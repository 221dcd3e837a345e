"""`python -m model`: see --help."""

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context

from model.checker import LIMIT, Result, check
from model.configurations import CONFIGURATIONS, LARGE
from model.properties import PROPERTIES
from model.report import tell, tell_progress, verdict
from model.rules import RULES, Rules, World, sentence, where
from model.table import (
    BELTS_AND_BRACES,
    NEEDED,
    Row,
    is_as_expected,
    large_rows,
    run_row,
    small_rows,
)

EXAMPLES = """\
  python -m model check one                         all rules: every property holds
  python -m model check one --without reap          one left out: the way to what breaks
  python -m model table                             each rule left out, in seconds
  python -m model table --large                     much larger configurations, in minutes
  python -m model list                              configurations, rules and properties
"""


def main(arguments: list[str] | None = None) -> int:
    """Returns 0 when all is as it should be, 1 when a property is broken, 2 when unfinished."""
    options = _parser().parse_args(arguments)
    return int(options.run(options))


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m model",
        description="Check Seathold's protocol: every order of events, every crash.",
        epilog=EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("check", help="look at every state of one configuration")
    one.add_argument("configuration", choices=CONFIGURATIONS, metavar="CONFIG")
    one.add_argument(
        "--without", choices=RULES, metavar="RULE", action="append", default=[], help="leave it out"
    )
    one.add_argument("--limit", type=int, default=LIMIT, help="give up after so many states")
    one.set_defaults(run=_check)
    table = commands.add_parser("table", help="check that each rule does what is said of it")
    table.add_argument("--large", action="store_true", help="the large configurations instead")
    table.add_argument("--processes", type=int, default=2, help="how many runs at one time")
    table.set_defaults(run=_table)
    names = commands.add_parser("list", help="name configurations, rules and properties")
    names.set_defaults(run=_list)
    return parser


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


# --- check ----------------------------------------------------------------------------------------


def _check(options: Namespace) -> int:
    world = World(Rules().without(*options.without), CONFIGURATIONS[options.configuration])
    progress = partial(tell_progress, options.configuration)
    result = check(world, limit=options.limit, progress=progress)
    _say(f"{Row(options.configuration, tuple(options.without))}: {verdict(result)}")
    for line in tell(result.counterexample) if result.counterexample else ():
        _say(line)
    return _exit_code(result)


def _exit_code(result: Result) -> int:
    if result.counterexample is not None:
        return 1
    return 0 if result.complete else 2


# --- table ----------------------------------------------------------------------------------------


def _table(options: Namespace) -> int:
    rows = list(large_rows() if options.large else small_rows())
    with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
        runs = [pool.submit(run_row, row, partial(tell_progress, str(row))) for row in rows]
        wrong = _compare(run.result() for run in as_completed(runs))
    _say(f"{len(rows) - wrong} of {len(rows)} as expected")
    return 1 if wrong else 0


def _compare(results: Iterable[tuple[Row, Result]]) -> int:
    """Tell each row as it is finished. Returns how many are not as expected."""
    wrong = 0
    for row, result in results:
        as_expected = is_as_expected(row, result)
        wrong += not as_expected
        _say(f"{'ok   ' if as_expected else 'WRONG'} {row}: {verdict(result)}")
        if not as_expected and result.counterexample:
            _say("\n".join(tell(result.counterexample)))
    return wrong


# --- list -----------------------------------------------------------------------------------------


def _list(_: Namespace) -> int:
    _say("Configurations (* takes minutes)")
    for name, configuration in CONFIGURATIONS.items():
        _say(f"  {name:22}{configuration.says}{' *' if name in LARGE else ''}")
    _say("\nRules")
    for name in RULES:
        _say(f"  {name:22}{sentence(name)}")
        _say(f"  {'':22}- in {', '.join(where(name))}")
        _say(f"  {'':22}- {_use(name)}")
    _say("\nProperties")
    for name, says in PROPERTIES.items():
        _say(f"  {name:22}{says}")
    return 0


def _use(name: str) -> str:
    if name in NEEDED:
        row = NEEDED[name]
        return f"needed: without it, {row.configuration} breaks {row.breaks}"
    return f"belts and braces: {BELTS_AND_BRACES[name]}"


if __name__ == "__main__":
    sys.exit(main())
