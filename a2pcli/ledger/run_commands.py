"""The commands that go on with a run, as errors and reports name them."""

from __future__ import annotations

import shlex
from pathlib import Path

from a2pcli.ledger.records import Run


def campaign_argument(run: Run) -> str:
    """The campaign file as an argument (with a space before it), by which the settings and the ledger are found."""
    if not run.campaign_file:
        return ""
    path = Path(run.campaign_file)
    near = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f" {shlex.quote(str(near))}"


def send_command(run: Run) -> str:
    """Sends what is left of this very run, whatever the campaign's occurrence is by then."""
    return f"a2pcli send{campaign_argument(run)} --plan {run.id}"
