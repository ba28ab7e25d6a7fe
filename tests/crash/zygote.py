"""Makes sender processes to be killed, quickly: everything is imported once, then forked for each.

Reads one JSON plan a line: ``{ledger, run, block, options, kill}``; prints the pid, then how the process ended.
``kill`` is ``null`` (somebody else kills it, or nobody) or ``[boundary, n]``: the process kills itself at the
n-th ``begin`` (of a transaction), ``commit`` (its work done, not yet durable) or ``after`` (durable, the sender
not told yet).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from sqlalchemy import event

from a2pcli.gateways.registry import create
from a2pcli.ledger.store import Ledger
from a2pcli.sending.engine import send_run
from a2pcli.sending.options import Rate, SendOptions
from a2pcli.sending.stop import StopRequest

WRITING = ("start_sending", "exchange", "release", "set_state", "suppress", "refuse_country")


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
    for name in WRITING:
        setattr(ledger, name, _then(getattr(ledger, name), fatal))


def _then(method: Callable[..., Any], fatal: Callable[..., None]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = method(*args, **kwargs)
        fatal()
        return result

    return wrapped


def work(plan: dict[str, Any]) -> str:
    options = dict(plan["options"])
    if "rate" in options:
        options["rate"] = Rate(options["rate"], "messages")
    with Ledger.open(plan["ledger"]) as ledger:
        if plan["kill"]:
            arm(ledger, *plan["kill"])
        sending = send_run(
            ledger,
            ledger.run(plan["run"]),
            create("test", plan["block"]),
            SendOptions(**options),
            stop=StopRequest(),
            on_progress=lambda _progress: None,
        )
        return str(asyncio.run(sending).ended)


def warm_up() -> None:
    """Import what opening a ledger imports, once."""
    with tempfile.TemporaryDirectory() as folder:
        Ledger.open(f"{folder}/ledger.db").close()


def main() -> None:
    warm_up()
    print("ready", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            status = 70
            try:
                ended = work(json.loads(line))
                status = 0 if ended == "finished" else 3
            finally:
                os._exit(status)
        print(pid, flush=True)
        _, how = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(how), flush=True)


if __name__ == "__main__":
    main()
