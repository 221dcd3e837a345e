"""The order of the faults, and how the processes of a program are found."""

import random
import subprocess
import sys
from itertools import islice

from chaos.faults import INSTANTS, SPANS, Fault, family, rounds
from chaos.proxy import HOWS

KINDS = sum(map(len, INSTANTS.values())) + sum(len(targets) for targets, _ in SPANS.values())


def faults(seed: int, number: int) -> list[list[Fault]]:
    return list(islice(rounds(random.Random(seed)), number))  # noqa: S311


def test_a_seed_gives_the_same_faults_again_and_another_seed_others() -> None:
    assert faults(7, 100) == faults(7, 100)
    assert faults(7, 100) != faults(8, 100)


def test_every_fault_comes_before_long() -> None:
    seen = {(fault.kind, fault.target) for each in faults(1, KINDS + 3) for fault in each}
    assert len(seen) == KINDS
    assert {f"network {how} to" for how in HOWS} <= {kind for kind, _ in seen}


def test_faults_of_a_round_have_different_targets() -> None:
    together = faults(2, 200)
    assert max(map(len, together)) == 3
    assert all(len({fault.target for fault in each}) == len(each) for each in together)


def test_a_family_is_a_process_and_all_below_it() -> None:
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", child], stdin=subprocess.PIPE) as process:  # noqa: S603
        while len(pids := family(process.pid)) < 2:
            pass
        assert pids[0] == process.pid
        assert process.stdin
        process.stdin.close()
