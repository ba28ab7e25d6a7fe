"""When there is nothing to send: who has it, who may have it, who cannot get it, and the command for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from a2pcli.dataclass import dataclass
from a2pcli.errors import ExitStatus
from a2pcli.messages import State
from a2pcli.reasons import SENTENCES, TO_MEND, Reason

if TYPE_CHECKING:
    from a2pcli.ledger.records import Run, Totals
    from a2pcli.ledger.store import Ledger

COUNTED = (Reason.ALREADY_SENT,)
"""Reasons that are told by what became of the earlier message."""

MOST_RUNS = 3


@dataclass(slots=True)
class NothingLeft:
    """What became of the people of a campaign. ``runs`` is state -> run ids; ``excluded`` is reason -> rows."""

    accepted: int = 0
    rejected: int = 0
    unknown: int = 0
    more_rows: int = 0
    """Rows of people whose message another row had already."""
    excluded: Mapping[str, int] = field(default_factory=dict)
    runs: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of_plan(cls, ledger: Ledger, run: Run) -> NothingLeft:
        """By a plan in which nobody gets a message."""
        found = cls(excluded=dict(run.summary.get("excluded", {})))
        for id, state, count in ledger.messages.already_sent(run):
            found._add(id, state, count)
        told = found.accepted + found.unknown + found.rejected
        found.more_rows = max(0, found.excluded.get(Reason.ALREADY_SENT, 0) - told)
        return found

    @classmethod
    def of_run(cls, run: Run, totals: Totals) -> NothingLeft:
        """What remains of a finished run."""
        found = cls(excluded=totals.by_reason)
        for state, count in totals.by_state.items():
            found._add(run.id, state, count)
        return found

    def _add(self, id: str, state: str, count: int) -> None:
        if state == State.ACCEPTED:
            self.accepted += count
        elif state == State.REJECTED:
            self.rejected += count
        elif state in (State.UNKNOWN, State.SUBMITTING):
            self.unknown += count
            state = State.UNKNOWN
        else:
            return
        named = self.runs.setdefault(str(state), [])
        if id not in named:
            named.append(id)

    @property
    def to_mend(self) -> dict[str, int]:
        """Rows that cannot be messaged as they are, by reason."""
        return {reason: count for reason, count in self.excluded.items() if reason in TO_MEND and count}

    @property
    def status(self) -> ExitStatus:
        """Done only where nobody is left who was meant to get it."""
        open_ends = self.rejected or self.unknown or self.to_mend
        return ExitStatus.FINISHED_WITH_FAILURES if open_ends else ExitStatus.OK

    def document(self) -> dict[str, Any]:
        """The value as a JSON-ready dict."""
        return {
            "accepted": self.accepted,
            "rejected": self.rejected,
            "unknown": self.unknown,
            "already_sent": self.excluded.get(Reason.ALREADY_SENT, 0),
            "excluded": dict(self.excluded),
            "cannot_be_messaged": sum(self.to_mend.values()),
        }

    def lines(self, rows_command: str) -> list[str]:
        """A line for each number, with the command that does something about it; ``rows_command`` lists rows."""
        lines = []
        if self.accepted:
            lines.append(f"  {self.accepted:,} accepted: already sent")
        if self.unknown:
            lines.append(
                f"  {self.unknown:,} unknown: they may have received it; {self._commands('reconcile', 'unknown')}"
            )
        if self.rejected:
            word = "rejected by the gateway"
            lines.append(f"  {self.rejected:,} rejected: {word}; {self._commands('retry', 'rejected')}")
        if self.more_rows:
            lines.append(
                f"  {self.more_rows:,} duplicate {'row' if self.more_rows == 1 else 'rows'} of the same people"
            )
        for reason, count in self.excluded.items():
            if reason in COUNTED or not count:
                continue
            sentence = SENTENCES[Reason(reason)] if reason in Reason._value2member_map_ else reason
            lines.append(f"  {count:,} {reason}: {sentence}")
        if self.to_mend:
            rows = sum(self.to_mend.values())
            them = "1 row that cannot be messaged" if rows == 1 else f"{rows:,} rows that cannot be messaged"
            lines.append(f"to see the {them}:  {rows_command}")
        return lines

    def _commands(self, command: str, state: str) -> str:
        named = self.runs.get(state, [])
        shown = ", ".join(f"a2pcli {command} {id}" for id in named[:MOST_RUNS])
        return f"{shown}, …" if len(named) > MOST_RUNS else shown
