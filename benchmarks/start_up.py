"""What small commands cost: processor time against an interpreter that does nothing, a ratio of the same run.

As installed: with the compiled modules that an installer writes, whatever ``PYTHONDONTWRITEBYTECODE`` says here.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

RUNS = 7

COMMANDS: tuple[tuple[tuple[str, ...], float], ...] = (
    # command, at most
    (("--help",), 7),
    (("runs",), 30),
    (("report",), 30),
    (("audit", "list"), 30),
    (("optout", "list"), 30),
    (("optout", "add", "+447911123456"), 30),
    (("plan", "campaigns/welcome.yaml"), 75),
)


def cost(*arguments: str) -> float:
    """Processor seconds of a process, its children's too."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def ratio(*command: str) -> float:
    """How many interpreters the command costs: the median of pairs, one after the other."""
    pairs = [(cost("-m", "a2pcli", *command), cost("-c", "pass")) for _ in range(RUNS + 1)][1:]
    return statistics.median(ours / bare for ours, bare in pairs)


def main() -> int:
    missed = 0
    with tempfile.TemporaryDirectory() as name:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(name) / "compiled")
        project = Path(name) / "shop"
        cost("-m", "a2pcli", "init", str(project))
        os.chdir(project)
        cost("-m", "a2pcli", "send", "campaigns/welcome.yaml", "--yes")
        for command, most in COMMANDS:
            found = ratio(*command)
            missed += found > most
            print(f"a2pcli {' '.join(command):35} {found:6.1f}x  at most {most:.0f}x")
        os.chdir("/")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
