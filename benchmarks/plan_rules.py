"""What the rules cost: a plan with every rule on against the same plan with none, in one run.

    python benchmarks/plan_rules.py [ROWS] [--runs K]

The same contacts, template and prices. With none: `purpose: emergency`, which no rule binds. With all: marketing in a
programme, consent required and proven by columns and records, opt-outs of every scope, hours by time zone, state
and number, the law's caps and the project's own, a pool of senders by destination, copy rules as errors.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import contacts  # noqa: E402
import usual_script  # noqa: E402

A2PCLI = [sys.executable, "-m", "a2pcli"]
NONE = f"""name: none
objective: Measure planning without rules
purpose: emergency
contacts: {{file: contacts.csv, columns: {{phone: mobile}}, region: GB}}
message: "{usual_script.TEMPLATE}"
"""
ALL = f"""name: all
objective: Measure planning with every rule
purpose: marketing
programme: news
subject: spring
consent: required
contacts: {{file: contacts.csv, columns: {{phone: mobile}}, region: GB}}
sender:
  US: ["+12025550100", "+12025550101", "+12025550102"]
  default: ["+447400123456", "+447400123457"]
message: "{usual_script.TEMPLATE}"
schedule: {{window: 08:00-21:00, days: [mon-sat], holidays: avoid}}
limits: {{frequency: [2 per 7 days, 1 per 24 h per subject]}}
waive: {{country-wording: one text for every country}}
"""
BEFORE = f"""name: before
objective: Some people got something before
purpose: marketing
contacts: {{file: contacts.csv, columns: {{phone: mobile}}, region: GB}}
message: "{usual_script.TEMPLATE}"
waive: {{country-wording: one text for every country}}
"""
SETTINGS = """region: GB
rates: rates.csv
numbers: {allow_fictional: true}
frequency: 5 per 30 days
programmes: {news: {frequency: 3 per 7 days}}
senders:
  "+12025550100": {registrations: {10dlc: C1}}
  "+12025550101": {registrations: {10dlc: C1}}
  "+12025550102": {registrations: {10dlc: C1}}
rules: {no-brand: off, plain-http: error, shortener: error}
"""
RATES = (
    "gateway,channel,country,prefix,category,unit,price,surcharge,currency,valid_from,valid_to\n"
    + "".join(f"*,sms,{country},,,part,{price},,GBP,,\n" for country, price in usual_script.PRICES.items())
)
MAX_RATIO = 1.6
STATES = ("", "CA", "NY", "FL", "TX", "", "", "")
ZONES = ("", "", "", "", "Europe/London", "", "America/New_York")


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("rows", nargs="?", type=int, default=1_000_000)
    options.add_argument("--runs", type=int, default=3)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        numbers = _write(place, asked.rows)
        ratios, seconds = [], []
        _prepare(place, numbers)
        for _ in range(asked.runs):
            none, everything = _plan(place, "none.yaml"), _plan(place, "all.yaml")
            ratios.append(everything / none)
            seconds.append((none, everything))
    for none, everything in seconds:
        print(f"  none {none:.2f} s, every rule {everything:.2f} s: {everything / none:.2f}x")
    ratio = statistics.median(ratios)
    print(f"every rule on costs {ratio:.2f}x the plan with none (at most {MAX_RATIO}x)")
    return 0 if ratio <= MAX_RATIO else 1


def _write(place: Path, rows: int) -> list[str]:
    """The contacts with what the rules read beside, and numbers from among them."""
    contacts.write(place / "plain.csv", rows)
    numbers = []
    with (
        (place / "plain.csv").open(encoding="utf-8") as plain,
        (place / "contacts.csv").open("w", encoding="utf-8") as out,
    ):
        out.write(next(plain).rstrip("\n") + ",state,timezone,consent_at,consent_source\n")
        for row, line in enumerate(plain):
            number = line.split(",", 2)[1]
            state = STATES[row % len(STATES)] if number.startswith("+1") else ""
            proof = f"2026-0{row % 9 + 1}-{row % 27 + 1:02d},web form" if row % 10 else ","
            out.write(f"{line.rstrip()},{state},{ZONES[row % len(ZONES)] if not state else ''},{proof}\n")
            if row % 10 == 0:
                numbers.append(number)
    (place / "none.yaml").write_text(NONE)
    (place / "all.yaml").write_text(ALL)
    (place / "rates.csv").write_text(RATES)
    (place / "a2pcli.yaml").write_text(SETTINGS)
    return numbers


def _prepare(place: Path, numbers: list[str]) -> None:
    """Opt-outs of each scope and consent records for those whose row proves nothing."""
    quarter = len(numbers) // 20
    scopes = ("everything", "programme=news", "channel=sms", "sender=+447400123456")
    for part, scope in enumerate(scopes):
        some = numbers[part * quarter : (part + 1) * quarter]
        (place / "optouts.csv").write_text("phone\n" + "\n".join(some) + "\n")
        _run(place, "optout", "import", "optouts.csv", "--scope", scope)
    records = "\n".join(f"{number},2026-01-02,shop" for number in numbers)
    (place / "consents.csv").write_text(f"phone,consent_at,consent_source\n{records}\n")
    _run(place, "consent", "import", "consents.csv")
    (place / "before.yaml").write_text(BEFORE)
    _run(place, "send", "before.yaml", "--limit", "20000", "--yes")  # so that caps have something to count


def _run(place: Path, *arguments: str) -> None:
    done = subprocess.run([*A2PCLI, *arguments], cwd=place, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):  # 3: rows that are no number
        raise SystemExit(f"a2pcli {' '.join(arguments)}: {done.stderr}")


def _plan(place: Path, campaign: str) -> float:
    started = time.perf_counter()
    done = subprocess.run(
        [*A2PCLI, "plan", campaign, "--json"], cwd=place, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"a2pcli plan {campaign}: {done.stderr}")
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
