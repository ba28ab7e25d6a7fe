"""A sender in a process of its own: LEDGER RUN GATEWAY_JSON OPTIONS_JSON. Prints how it ended, as JSON."""

from __future__ import annotations

import asyncio
import json
import sys

from a2pcli.gateways.registry import create
from a2pcli.ledger.store import Ledger
from a2pcli.sending.engine import send_run
from a2pcli.sending.options import SendOptions
from a2pcli.sending.stop import StopRequest, stop_on_signals


def main(ledger_name: str, run_id: str, block: str, options: str) -> None:
    with Ledger.open(ledger_name) as ledger, stop_on_signals(StopRequest()) as stop:
        work = send_run(
            ledger,
            ledger.runs.get(run_id),
            create("test", json.loads(block)),
            SendOptions(**json.loads(options)),
            stop=stop,
            on_progress=lambda _progress: None,
        )
        result = asyncio.run(work)
    reason = result.reason.code if result.reason else None
    print(json.dumps({"ended": str(result.ended), "reason": reason}))


if __name__ == "__main__":
    main(*sys.argv[1:5])
