"""`a2pcli explain` over two plans of a million rows, against an empty interpreter: a ratio of the same run.

    python benchmarks/explain_million.py [ROWS]

Asked are somebody who is in both plans and somebody who is in none. Processor time, as installed (see start_up.py);
an interpreter takes 10.4 ms on the machine of docs/performance.md, so 48 of them are half a second.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import contacts  # noqa: E402
from plan_million import CAMPAIGN, RATES  # noqa: E402
from start_up import ratio  # noqa: E402

MOST = 48.0
"""Interpreters."""
PLANS = 2


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("rows", nargs="?", type=int, default=1_000_000)
    asked = options.parse_args()
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(folder) / "compiled")
        os.chdir(folder)
        contacts.write(Path("contacts.csv"), asked.rows)
        Path("campaign.yaml").write_text(CAMPAIGN)
        Path("rates.csv").write_text(RATES)
        Path("a2pcli.yaml").write_text("region: GB\nrates: rates.csv\n")
        for _ in range(PLANS):
            subprocess.run(
                [sys.executable, "-m", "a2pcli", "plan", "campaign.yaml"], check=True, capture_output=True
            )
        there = _last_number(Path("contacts.csv"))
        for number, who in ((there, "in both plans"), ("+447300123456", "in none")):
            found = ratio("explain", number)
            missed += found > MOST
            print(f"a2pcli explain, somebody {who:14} {found:6.1f}x  at most {MOST:.0f}x")
        os.chdir("/")
    return 1 if missed else 0


def _last_number(file: Path) -> str:
    """A mobile number that the file has once, and far behind."""
    lines = file.read_text("utf-8").splitlines()
    return next(line.split(",")[1] for line in reversed(lines) if line.split(",")[1].startswith("07"))


if __name__ == "__main__":
    sys.exit(main())
