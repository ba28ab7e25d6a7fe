"""How long the first screen takes, against an interpreter that does nothing: a ratio of the same run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 15
MAX_RATIO = 8.0


def timed(*arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> int:
    pairs = [(timed("-m", "a2pcli", "--help"), timed("-c", "pass")) for _ in range(RUNS + 1)][1:]
    ratio = statistics.median(ours / bare for ours, bare in pairs)
    print(f"a2pcli --help: {ratio:.1f}x `python -c pass` (at most {MAX_RATIO:.0f}x)")
    return 0 if ratio <= MAX_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
