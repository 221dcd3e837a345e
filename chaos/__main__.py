"""`python -m chaos`: see --help."""

import argparse
import secrets
import sys
from pathlib import Path

from chaos.checker import check
from chaos.record import Log, read_log
from chaos.report import answers, progress, report, say, verdict
from chaos.run import Plan, Run
from chaos.snapshot import Snapshot
from stack.program import StackError

EPILOG = """
Exit status: 0 when every promise was kept, 1 when one was broken, 2 when nothing could be run.
Each run leaves seed-N.jsonl in LOGS: every answer that a client got, every fault, and what the
services said in the end. The same seed has the same faults in the same order, and the same clients.
"""


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.judge:
        return judge(options.judge)
    options.logs.mkdir(parents=True, exist_ok=True)
    seeds = options.seed or [secrets.randbelow(10_000)]
    try:
        return max([_run(seed, options) for seed in seeds])
    except StackError as error:
        say(f"Nothing could be run: {error}")
        return 2
    except KeyboardInterrupt:
        say("\nStopped, without a verdict.")
        return 2


def _run(seed: int, options: argparse.Namespace) -> int:
    path = options.logs / f"seed-{seed}.jsonl"
    plan = Plan(seed=seed, seconds=options.minutes * 60, clients=options.clients)
    say(f"Seed {seed}, {options.minutes:g} minutes of faults. The log: {path}")
    with Log(path) as log:
        run = Run(plan, log)
        with progress(run):
            run.play()
    for line in report(run):
        say(line)
    if run.violations:
        path.with_suffix(".stack.log").write_text(run.printed)
        say(f"Run it again: make chaos SEED={seed} MINUTES={options.minutes:g}")
    say("")
    return int(bool(run.violations))


def judge(path: Path) -> int:
    """Judge a log again."""
    rows = read_log(path)
    kinds = ("booking", "hold", "payment", "flight")
    snapshot = Snapshot(*(rows.get(kind, []) for kind in kinds))
    violations = check(rows.get("told", []), snapshot)
    for line in (*answers(rows.get("told", [])), "", *verdict(violations)):
        say(line)
    return int(bool(violations))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m chaos",
        description="Break the running stack in every way, and see whether it keeps its promises.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="of faults, for each seed (10)")
    parser.add_argument("--seed", type=int, nargs="+", help="one run each; a new one if left out")
    parser.add_argument("--clients", type=int, default=12, help="travellers at a time (12)")
    parser.add_argument("--logs", type=Path, default=Path(".chaos"), help="where logs go (.chaos)")
    parser.add_argument("--judge", type=Path, metavar="LOG", help="judge a log again, run nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
