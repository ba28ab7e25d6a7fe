"""The commands that go on with a run, as errors and reports name them."""

from __future__ import annotations

import shlex
from pathlib import Path

from a2pcli.ledger.records import Run


def campaign_argument(run: Run) -> str:
    """Return the campaign file as an argument (with a leading space), by which settings and ledger are found."""
    if not run.campaign_file:
        return ""
    path = Path(run.campaign_file)
    near = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f" {shlex.quote(str(near))}"


def send_command(run: Run) -> str:
    """Return the command that sends the rest of this run, whatever the campaign's current occurrence is."""
    return f"a2pcli send{campaign_argument(run)} --plan {run.id}"
