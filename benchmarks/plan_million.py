"""Plan contacts with the ledger written, against the usual script on the same file: a ratio of the same run.

    python benchmarks/plan_million.py [ROWS] [--yardstick-rows N] [--runs K]

The usual script knows no rules of law, so none is asked here (transactional); what they cost tells plan_rules.py.
The yardstick does one row after the other, so its time grows with the rows; it runs on N rows (default a fifth)
and is scaled. Both run as installed: with the compiled modules that an installer writes. Memory is the largest sum
over all processes of the tool, as the system counts it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import contacts  # noqa: E402
import usual_script  # noqa: E402

CAMPAIGN = f"""name: benchmark
objective: Measure planning
purpose: transactional
contacts: {{file: contacts.csv, columns: {{phone: mobile}}, region: GB}}
message: "{usual_script.TEMPLATE}"
"""
RATES = (
    "gateway,channel,country,prefix,category,unit,price,surcharge,currency,valid_from,valid_to\n"
    + "".join(f"*,sms,{country},,,part,{price},,GBP,,\n" for country, price in usual_script.PRICES.items())
)
MIN_RATIO = 20.0
MAX_MEMORY = ((1_000_000, 500e6), (10_000_000, 1e9))
"""Bytes of memory that so many rows may take at most."""


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("rows", nargs="?", type=int, default=1_000_000)
    options.add_argument("--yardstick-rows", type=int)
    options.add_argument("--runs", type=int, default=3)
    asked = options.parse_args()
    fewer = asked.yardstick_rows or max(1, asked.rows // 5)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(place / "compiled")
        contacts.write(place / "contacts.csv", asked.rows)
        contacts.write(place / "fewer.csv", fewer)
        (place / "campaign.yaml").write_text(CAMPAIGN)
        (place / "rates.csv").write_text(RATES)
        (place / "a2pcli.yaml").write_text("region: GB\nrates: rates.csv\n")
        tool, script = [], []
        _script(place), _tool(place)  # compiles the modules
        for _ in range(asked.runs):
            script.append(_script(place) * asked.rows / fewer)
            tool.append(_tool(place))
        memory = _tool_memory(place)  # in a run of its own: looking slows it down
    ratio = statistics.median(script) / statistics.median(tool)
    print(f"plan {asked.rows:,} contacts, ledger written: {statistics.median(tool):.2f} s")
    print(f"usual script, {fewer:,} rows scaled:          {statistics.median(script):.2f} s")
    allowed = next((most for rows, most in MAX_MEMORY if asked.rows <= rows), None)
    print(f"ratio {ratio:.1f}x (at least {MIN_RATIO:.0f}x), peak memory {memory / 1e6:.0f} MB", end="")
    print(f" (at most {allowed / 1e6:.0f} MB)" if allowed else "")
    return 0 if ratio >= MIN_RATIO and (allowed is None or memory <= allowed) else 1


def _script(place: Path) -> float:
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, HERE / "usual_script.py", place / "fewer.csv", place / "out.csv"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - started


def _start(place: Path) -> subprocess.Popen[bytes]:
    shutil.rmtree(place / ".a2pcli", ignore_errors=True)
    (place / ".a2pcli-ledger.json").unlink(missing_ok=True)  # or the ledger would be missed
    return subprocess.Popen(
        [sys.executable, "-m", "a2pcli", "plan", place / "campaign.yaml", "--json"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "NO_COLOR": "1"},
    )


def _tool(place: Path) -> float:
    started = time.perf_counter()
    if _start(place).wait() != 0:
        raise SystemExit("a2pcli plan failed")
    return time.perf_counter() - started


def _tool_memory(place: Path) -> int:
    """The most that all processes of the tool had at once."""
    process = _start(place)
    most = 0
    while process.poll() is None:
        with suppress(psutil.Error):
            parent = psutil.Process(process.pid)
            most = max(most, sum(_memory(one) for one in (parent, *parent.children(recursive=True))))
        time.sleep(0.1)
    return most


def _memory(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
        return int(getattr(full, "pss", 0) or full.uss)
    except psutil.Error:
        return 0


if __name__ == "__main__":
    sys.exit(main())
