"""A campaign by email and then by SMS through simulated providers, sent in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import orderkit
from sendkit import START_MS, send_in_no_time
from sqlalchemy import select

from a2pcli.actions.gateways import run_gateway
from a2pcli.actions.live_inbox import LiveInbox
from a2pcli.config.load import LoadedSettings, load_campaign, load_settings
from a2pcli.gateways.by_channel import gateway_named
from a2pcli.gateways.simulator import SimulatorGateway
from a2pcli.ledger.attempt_ids import attempt_number, message_of
from a2pcli.ledger.records import Run
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import attempts
from a2pcli.planning.plan import make_plan
from a2pcli.planning.prepare import Choices, prepare
from a2pcli.sending.options import Progress, SendOptions, SendResult

CAMPAIGN = orderkit.CAMPAIGN.replace("undelivered]}", "undelivered], after: 30 min}")
GATEWAYS = """\
  mail:
    type: simulator
    seed: "{seed}"
    batch: 50
    latency: {{median: 0.1, p95: 0.3}}
    mix: {{permanent: 8%, unknown: 2%, temporary: 2%, opted_out: 1%}}
    receipts: {{file: mail.jsonl, undelivered: 10%, silent: 5%, delay: 1500, live: true, linger: 9000}}
    {mail}
  text:
    type: simulator
    seed: "t{seed}"
    batch: 50
    latency: {{median: 0.1, p95: 0.3}}
    mix: {{permanent: 2%, unknown: 1%}}
    receipts: {{file: text.jsonl, undelivered: 5%, silent: 2%, delay: 60, live: true, linger: 9000}}
"""
REVOKES = "revocations: {lost: 3%, refused: 5%, unclear: 2%}"
EXPIRES = "expires: true"


@dataclass
class Shop:
    """A folder with a planned run."""

    folder: Path
    ledger: Ledger
    settings: LoadedSettings
    run: Run

    def send(
        self,
        *,
        wait: bool = True,
        on_progress: Callable[[Progress], None] = lambda _progress: None,
        started: Callable[[Mapping[str, SimulatorGateway]], None] = lambda _gateways: None,
        start: int = START_MS,
    ) -> tuple[SendResult, dict[str, SimulatorGateway]]:
        """Send the run; gives how it ended, and the simulated providers by channel."""
        gateway = run_gateway(self.settings, self.run)
        parts: dict[str, Any] = {
            "email": gateway_named(gateway, "mail"),
            "sms": gateway_named(gateway, "text"),
        }
        started(parts)
        inbox = LiveInbox(self.ledger, self.run, self.settings)
        result, _ = send_in_no_time(
            self.ledger,
            self.run,
            gateway,
            SendOptions(wait=wait, concurrency=400),
            keep=inbox.keep,
            on_progress=on_progress,
        )
        self.run = self.ledger.runs.get(self.run.id)
        return result, parts

    def rows(self) -> dict[int, list[Any]]:
        """The attempts of each message, in order."""
        found: dict[int, list[Any]] = {}
        with self.ledger.reading() as connection:
            for row in connection.execute(select(attempts).order_by(attempts.c.id)):
                found.setdefault(message_of(row.id), []).append(row)
        for each in found.values():
            each.sort(key=lambda row: attempt_number(row.id))
        return found

    def reference(self, row: Any) -> str:
        return self.run.reference(row.id % 2**32)

    def arrived(self, parts: Mapping[str, SimulatorGateway]) -> Counter[int]:
        """How many messages each person really got, by the providers themselves."""
        found: Counter[int] = Counter()
        for message, each in self.rows().items():
            for row in each:
                later = parts[row.channel or "email"].later
                assert later is not None
                found[message] += later.happened.get(self.reference(row)) == "delivered"
        return found


def planned(folder: Path, ledger: Ledger, people: int, *, mail: str = REVOKES, seed: str = "7") -> Shop:
    files = orderkit.files_of(GATEWAYS.format(seed=seed, mail=mail), people)
    for name, text in {**files, "c.yaml": CAMPAIGN}.items():
        (folder / name).write_text(text)
    settings = load_settings(folder)
    ready = prepare(load_campaign(folder / "c.yaml"), settings, ledger, Choices(today=date(2026, 3, 10)))
    return Shop(folder, ledger, settings, make_plan(ready, ledger, rate=None).run)


__all__ = ["EXPIRES", "REVOKES", "START_MS", "Shop", "asyncio", "planned"]
