"""A sender in a process of its own, to be killed: forked from ``ready.py`` with a plan.

The plan is JSON: ``{ledger, run, block, options, kill}``. The status is 0 where the run is finished, 7 where it is
busy. ``kill`` is ``null`` (somebody else kills it, or nobody) or ``[boundary, n]``: the process kills itself at the
n-th ``begin`` (of a transaction), ``commit`` (its work done, not yet durable) or ``after`` (durable, the sender not
told yet). With ``claims`` it sends nothing: see ``claim_and_die``.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from typing import Any

from sqlalchemy import event

from a2pcli.errors import RunBusy
from a2pcli.gateways.registry import create
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.records import Settled, now_ms
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Outcome, State, Verdict
from a2pcli.sending.engine import send_run
from a2pcli.sending.options import Rate, SendOptions
from a2pcli.sending.stop import StopRequest

WRITING = (
    ("attempts", ("start", "exchange", "release")),
    ("runs", ("set_state", "refuse_country")),
    ("optouts", ("add",)),
)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at_the(nth: int) -> Callable[..., None]:
    """Dies the n-th time it is called."""
    left = nth

    def called(*_args: object) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            die()

    return called


def arm(ledger: Ledger, boundary: str, nth: int) -> None:
    fatal = at_the(nth)
    if boundary in ("begin", "commit"):
        event.listen(ledger.engine, boundary, fatal)
        return
    assert boundary == "after"
    for part, names in WRITING:
        store = getattr(ledger, part)
        for name in names:
            setattr(store, name, _then(getattr(store, name), fatal))


def _then(method: Callable[..., Any], fatal: Callable[..., None]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = method(*args, **kwargs)
        fatal()
        return result

    return wrapped


def claim_and_die(plan: dict[str, Any]) -> None:
    """Claim so many (``claims``), note in the journal that the first ``left`` of them left, and die.

    Before, ``settled`` messages more were claimed, left and were accepted. ``full`` is ``disk`` where the journal has
    no room, ``later`` where it gets none for more slots or writes once it is made.
    """
    full = OSError(28, "No space left on device")
    if plan.get("full") == "disk":
        os.posix_fallocate = failing(full)
    with Ledger.open(plan["ledger"]) as ledger:
        run = ledger.runs.get(plan["run"])
        with sender_lock(ledger, run):
            ledger.attempts.start(run, now_ms())
            journal = ledger.attempts.begin_journal(run)
            before = ledger.attempts.exchange(run, [], plan.get("settled", 0), now_ms()).claimed
            ids = [one.message.id for one in before]
            accepted = [Settled(id, Outcome(Verdict.ACCEPTED), State.ACCEPTED) for id in ids]
            if journal:
                journal.note(ids)
            claimed = ledger.attempts.exchange(run, accepted, plan["claims"], now_ms()).claimed
            if plan.get("full") == "later":
                really = os.pwrite
                os.posix_fallocate = failing(full)
                os.pwrite = lambda file, data, at: really(file, data, at) if at == 8 else failing(full)()
            if journal:
                journal.settled(ids)
                journal.note([one.message.id for one in claimed[: plan["left"]]])
            die()


def failing(error: OSError) -> Callable[..., Any]:
    def fails(*_args: object) -> None:
        raise error

    return fails


def work(plan: dict[str, Any]) -> str:
    if "claims" in plan:
        claim_and_die(plan)
    options = dict(plan["options"])
    if "rate" in options:
        options["rate"] = Rate(options["rate"], "messages")
    with Ledger.open(plan["ledger"]) as ledger:
        if plan["kill"]:
            arm(ledger, *plan["kill"])
        sending = send_run(
            ledger,
            ledger.runs.get(plan["run"]),
            create("test", plan["block"]),
            SendOptions(**options),
            stop=StopRequest(),
            on_progress=lambda _progress: None,
        )
        return str(asyncio.run(sending).ended)


def main(described: str) -> int:
    plan = json.loads(described)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        return 0 if work(plan) == "finished" else 3
    except RunBusy:
        return 7
