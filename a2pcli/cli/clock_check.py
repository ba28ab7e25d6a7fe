"""Before anything is planned or sent: does this machine know what time it is?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from a2pcli.cli.terminal.asking import confirm
from a2pcli.cli.terminal.output import say
from a2pcli.ledger.newest import TOLERANCE
from a2pcli.ledger.records import now_ms
from a2pcli.moments import moment_text
from a2pcli.reporting.values import duration

if TYPE_CHECKING:
    from a2pcli.ledger.store import Ledger

FLAG = "--clock-is-right"


def check_clock(ledger: Ledger, *, is_right: bool) -> None:
    """Ask a person where the machine's clock is behind the ledger's newest entry; ``is_right``: they said so already.

    ``--yes`` is no answer to it. Raises ``Refused`` where nobody can be asked, or the answer is no.
    """
    now, newest = now_ms(), ledger.newest_moment()
    if newest is None or now >= newest - TOLERANCE:
        return
    say(
        f"this machine's clock says {moment_text(now, 'UTC')}, and the ledger has an entry of"
        f" {moment_text(newest, 'UTC')}: the clock is {_span(newest - now)} behind, or that entry is wrong."
        " With a wrong clock people are messaged out of their hours, or get yesterday's message again"
    )
    if not is_right:
        confirm(
            "Is the clock right now?",
            refused="nothing was sent",
            without_terminal=f"set the clock; if it is right, and was wrong before, send once with {FLAG}",
            kept="set the clock, and run the same command again",
        )
    ledger.set_clock_right(now)
    ledger.record("clock.confirm", None, {"now": now, "newest": newest})


def _span(milliseconds: int) -> str:
    days = milliseconds / 86_400_000
    return f"{days:,.0f} days" if days >= 2 else duration(milliseconds / 1000)
