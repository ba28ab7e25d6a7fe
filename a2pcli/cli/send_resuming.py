"""A plan that is sent later than it was made: what is left of it, the text that goes, what was edited meanwhile."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING

from a2pcli.cli.screens.plan import Bubble, facts_of
from a2pcli.cli.terminal.output import say, show
from a2pcli.config.load import LoadedCampaign, LoadedSettings, load_campaign
from a2pcli.errors import A2PError, Problem, Refused
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.records import Run, RunState
from a2pcli.messages import State
from a2pcli.planning.basis import Difference, differences
from a2pcli.planning.plan import ONE_TIME
from a2pcli.regular import open_regular
from a2pcli.reporting.commands import send_command

if TYPE_CHECKING:
    from a2pcli.ledger.store import Ledger

LOOKED_THROUGH = 500
"""Messages of a run among which the samples are looked for."""

SAMPLES = 3
"""So many texts are shown of what is left: one of each arm."""


def changes_since(run: Run, loaded: LoadedCampaign, settings: LoadedSettings) -> list[Difference]:
    """What was edited since the plan; nothing for a plan of a version that did not keep what it was made from."""
    basis = run.summary.get("basis")
    return differences(basis, loaded, settings, run.gateway) if basis else []


def campaign_of(run: Run) -> LoadedCampaign | None:
    """The run's campaign as its file is now; None, after a word, where it cannot be read."""
    if not run.campaign_file:
        return None
    try:
        return load_campaign(Path(run.campaign_file))
    except A2PError as error:
        say(f"note: the plan is sent as it was made; its campaign cannot be read now: {error.problems[0]}")
        return None


def tell_changes(run: Run, changes: Sequence[Difference]) -> None:
    """Say what was edited since the plan, and which of the two counts."""
    frozen = [one for one in changes if not one.in_force]
    if frozen:
        say(f"note: the campaign or the settings were edited since run {run.id} was planned:")
        for one in frozen:
            say(f"  {one}")
        say("what is left is sent as it was planned, not as the files are now;")
        say(f"to drop it and plan afresh:  a2pcli cancel {run.id}")
    if live := [one for one in changes if one.in_force]:
        keys = ", ".join(one.what for one in live)
        say(f"note: edited since the plan, and in force for what leaves from now on: {keys}")


def refuse_unattended(run: Run, changes: Sequence[Difference]) -> None:
    """With --yes or without a terminal nobody can be asked which of the two texts is meant: raise ``Refused``."""
    frozen = [one.what for one in changes if not one.in_force]
    if frozen:
        what = ", ".join(frozen)
        message = f"run {run.id} is not finished, and was planned before this edit: {what}; nothing was sent"
        hint = (
            f"to send what is left as it was planned: {send_command(run)};"
            f" to drop it, then send again by the files as they are: a2pcli cancel {run.id}"
        )
        raise Refused(Problem(message, hint=hint, code="changed-since-plan"))


def say_what_is_left(ledger: Ledger, run: Run) -> None:
    """Which run goes on, why it stopped, how much of it is left."""
    left = ledger.totals(run).count(State.PLANNED)
    why = f" ({run.state_reason})" if run.state_reason else ""
    messages = "1 message" if left == 1 else f"{left:,} messages"
    say(f"resuming run {run.id} of {run.campaign}, {run.state}{why}: {messages} left")


def show_the_text(ledger: Ledger, run: Run, *, stderr: bool) -> None:
    """Messages of the plan that are still to go, one of each arm."""
    samples: dict[str | None, dict[str, object]] = {}
    for row in next(ledger.rows(run, states=[State.PLANNED], chunk=LOOKED_THROUGH), []):
        samples.setdefault(row["variant"], row)
    for variant, row in list(samples.items())[:SAMPLES]:
        body = ONE_TIME if run.purpose == "otp" else str(row["body"] or "")
        arm = f"  {variant}" if variant else ""
        facts = facts_of({**row, "ucs2": row["encoding"] == "UCS-2"})
        show(Bubble(body, f"as planned: {row['address']}  line {row['line']:,}{arm}", facts), stderr=stderr)


def warn_if_contacts_changed(run: Run) -> None:
    """The contacts file is read for a plan alone."""
    if run.state != RunState.FINISHED and contacts_changed(run):
        say(
            f"note: {run.contacts_file} changed since the plan; what was planned is sent, the file is not read again"
        )


def contacts_changed(run: Run) -> bool:
    """Whether the contacts file is another one than was planned."""
    if not run.contacts_file or run.contacts_file == "-":
        return False
    try:
        with open_regular(Path(run.contacts_file)) as file:
            return file_digest(file, "sha256").hexdigest() != run.contacts_fingerprint
    except OSError:
        return True


def place_the_lost(ledger: Ledger, run: Run, loaded: LoadedCampaign | None) -> None:
    """Since the plan the campaign may say in which zone people are whose own is not known."""
    zone = None if loaded is None else loaded.campaign.schedule.unknown_zone
    if zone is None:
        return
    with sender_lock(ledger, run):
        count = ledger.assume_zone(run, zone)
    if count:
        say(f"{count:,} held {'message goes' if count == 1 else 'messages go'} by {zone} from now on")


def nobody_is_asked(yes: bool) -> bool:
    """Whether this send goes on without a person's answer."""
    return yes or not sys.stdin.isatty()
