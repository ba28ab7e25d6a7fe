"""Resumes a plan made earlier: what is left of it, which text is sent, what was edited since."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2pcli.config.load import LoadedCampaign, LoadedSettings, load_campaign
from a2pcli.errors import A2PError, Problem, Refused, RunBusy
from a2pcli.ledger.lock import may_be_joined, sender_lock
from a2pcli.ledger.records import Run, RunState
from a2pcli.message_content import content_of
from a2pcli.messages import State
from a2pcli.planning.basis import Difference, differences
from a2pcli.planning.plan import ONE_TIME
from a2pcli.regular import open_regular
from a2pcli.reporting.values import send_command
from a2pcli.sending.reconcile import settle_open_claims

Tell = Callable[[str], None]
"""Takes a sentence that a person should read."""

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


def campaign_of(run: Run, tell: Tell) -> LoadedCampaign | None:
    """The run's campaign as its file is now; None, after a word, where it cannot be read."""
    if not run.campaign_file:
        return None
    try:
        return load_campaign(Path(run.campaign_file))
    except A2PError as error:
        tell(
            f"note: the plan is sent as it was made; its campaign file cannot be read now: {error.problems[0]}"
        )
        return None


def tell_changes(run: Run, changes: Sequence[Difference], tell: Tell) -> None:
    """Say what was edited since the plan, and which of the two counts."""
    frozen = [one for one in changes if not one.in_force]
    if frozen:
        tell(f"note: the campaign or the settings were edited since run {run.id} was planned:")
        for one in frozen:
            tell(f"  {one}")
        tell("the rest is sent as planned, not according to the current files;")
        tell(f"to cancel it and plan again:  a2pcli cancel {run.id}")
    if live := [one for one in changes if one.in_force]:
        keys = ", ".join(one.what for one in live)
        tell(f"note: edited since the plan, and applied to messages sent from now on: {keys}")


def refuse_unattended(run: Run, changes: Sequence[Difference]) -> None:
    """With --yes or without a terminal nobody can be asked which of the two texts is meant: raise ``Refused``."""
    frozen = [one.what for one in changes if not one.in_force]
    if frozen:
        what = ", ".join(frozen)
        message = f"run {run.id} is not finished, and was planned before this edit: {what}; nothing was sent"
        hint = (
            f"to send the rest as planned: {send_command(run)};"
            f" to cancel the rest and plan from the current files: a2pcli cancel {run.id}"
        )
        raise Refused(Problem(message, hint=hint, code="changed-since-plan"))


def tell_what_is_left(ledger: Ledger, run: Run, tell: Tell) -> None:
    """Which run goes on, why it stopped, how much of it is left."""
    with suppress(RunBusy):  # that is told when it is to be sent
        settle_open_claims(ledger, run)
    run = ledger.runs.get(run.id)
    left = ledger.runs.totals(run).count(State.PLANNED)
    why = f" ({run.state_reason})" if run.state_reason else ""
    messages = "1 message" if left == 1 else f"{left:,} messages"
    if others := may_be_joined(ledger, run):
        verb = "send" if " and " in others else "sends"
        tell(f"joining run {run.id} of {run.campaign}, which {others} {verb}: {messages} left")
        return
    tell(f"resuming run {run.id} of {run.campaign}, {run.state}{why}: {messages} left")


def sample_messages(ledger: Ledger, run: Run) -> list[Mapping[str, Any]]:
    """Rows of the plan that are still to go, one of each arm, with the text as ``body`` and whether it is ``ucs2``."""
    samples: dict[str | None, Mapping[str, Any]] = {}
    for row in next(ledger.messages.rows(run, states=[State.PLANNED], chunk=LOOKED_THROUGH), []):
        samples.setdefault(row["variant"], row)
    return [
        {
            **row,
            "channel": row.get("channel") or run.channel,
            "body": ONE_TIME if run.purpose == "otp" else str(row["body"] or ""),
            "ucs2": row["encoding"] == "UCS-2",
            "content": None if run.purpose == "otp" else content_of(row["content"]),
        }
        for row in list(samples.values())[:SAMPLES]
    ]


def tell_if_contacts_changed(run: Run, tell: Tell) -> None:
    """Print a note if the contacts file changed since the plan, because it is not read again."""
    if run.state != RunState.FINISHED and contacts_changed(run):
        tell(
            f"note: {run.contacts_file} changed since the plan; the plan is sent as made, the file is not read again"
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


def place_the_lost(ledger: Ledger, run: Run, loaded: LoadedCampaign | None, tell: Tell) -> None:
    """Since the plan the campaign may say in which zone people are whose own is not known."""
    zone = None if loaded is None else loaded.campaign.schedule.unknown_zone
    if zone is None or may_be_joined(ledger, run):  # whoever sends it already has seen to it
        return
    with sender_lock(ledger, run):
        count = ledger.runs.assume_zone(run, zone)
    if count:
        tell(
            f"{count:,} held {'message uses' if count == 1 else 'messages use'} time zone {zone} from now on"
        )
