import argparse
import random
import sys

from fuzz.run import ENV, fuzz
from stack.harness import LocalStack


def main() -> int:
    """0 when all was well, 1 when something was found, which is then printed."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=fuzz.__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="how long in all (30)")
    parser.add_argument("--seed", type=int, help="of an earlier run, to send the same again")
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else random.randrange(2**32)
    print(f"Fuzzing for {asked.minutes:g} minutes with --seed {seed}", flush=True)
    with LocalStack(env=ENV) as stack:
        reports = fuzz(stack, seconds=asked.minutes * 60, seed=seed)
    print("\n".join(reports) or "Nothing found.")
    return min(1, len(reports))


if __name__ == "__main__":
    sys.exit(main())
