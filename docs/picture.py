"""Writes docs/plan.svg: the plan of the sample campaign as the terminal shows it, exported by rich from a real run."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.text import Text

from a2pcli.actions.plans import load_both, pace
from a2pcli.cli.screens.plan import plan_screen
from a2pcli.ledger.store import Ledger
from a2pcli.planning.plan import make_plan
from a2pcli.planning.prepare import Choices, prepare

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    loaded, settings = load_both(ROOT / "campaigns" / "spring_sale.yaml")
    with tempfile.TemporaryDirectory() as folder, Ledger.open(str(Path(folder) / "ledger.db")) as ledger:
        ready = prepare(loaded, settings, ledger, Choices(today=date.today()))
        plan = make_plan(ready, ledger, rate=pace(loaded, settings))
    console = Console(record=True, width=96, force_terminal=True, markup=False, highlight=False)
    console.print(Text("$ a2pcli plan campaigns/spring_sale.yaml", style="bold"))
    console.print(plan_screen(plan.run))
    svg = console.export_svg(title="a2pcli plan", clear=False)
    # The font is named, not fetched: the picture must not call anybody.
    lines = [line for line in svg.splitlines() if "fonts/" not in line and "cdnjs" not in line]
    (ROOT / "docs" / "plan.svg").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
