"""``/metrics`` for Prometheus, for tokens with the scope ``metrics``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response
from starlette.routing import Route

from a2pcli import __version__
from a2pcli.actions.overview import runs_by_state, runs_now
from a2pcli.errors import LedgerError
from a2pcli.listening.api import Answer, Asked, Endpoint
from a2pcli.listening.documents import TEXT, Gives
from a2pcli.listening.listener import Part
from a2pcli.reporting.values import money

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from a2pcli.listening.listener import Listener
    from a2pcli.listening.observing import Seen

SHOWN_RUNS = 10
"""Runs whose messages are counted: the newest."""

COUNTED = {
    "receipts": "Receipts stored since the start",
    "replies": "Replies stored since the start",
    "duplicates": "Receipts and replies that had come before",
    "unmatched": "Receipts about no message that was known then",
    "matched_later": "Receipts whose message was found later",
    "opted_out": "People who opted out by a receipt or reply",
}
BOTS = {
    "asked": "Requests to bots",
    "answered": "Answers of bots that were taken",
    "handed_over": "Replies that were given to a person instead of a bot",
    "tokens_in": "Tokens that bots read",
    "tokens_out": "Tokens that bots made",
}
ANSWERS = {200: Gives("the metrics, in the text format of Prometheus", media=(TEXT,))}
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25)


class Kept:
    """What the listener and its ledger say when they are asked."""

    def __init__(self, listener: Listener) -> None:
        self._store = listener.store

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now."""
        for name, count in self._store.counts.as_mapping().items():
            yield CounterMetricFamily(f"a2pcli_{name}", COUNTED.get(name, name), value=count)
        info = GaugeMetricFamily("a2pcli_info", "Version of a2pcli", labels=["version"])
        info.add_metric([__version__], 1)
        yield info
        try:
            found = [*self._of_ledger()] if self._store.is_ready() else []
        except LedgerError:
            found = []
        yield GaugeMetricFamily(
            "a2pcli_ledger_up", "Whether the ledger can be read", value=float(bool(found))
        )
        yield from found

    def _bots(self) -> Iterator[Metric]:
        """What bots used, over all time."""
        found = self._store.ledger.bot_usage.totals()
        for name, words in BOTS.items():
            metric = CounterMetricFamily(f"a2pcli_bot_{name}", words, labels=["bot"])
            for bot in dict.fromkeys(one.bot for one in found):
                metric.add_metric([bot], sum(getattr(one, name) for one in found if one.bot == bot))
            yield metric
        cost = CounterMetricFamily("a2pcli_bot_cost", "Cost of bots", labels=["bot", "currency"])
        for one in found:
            if one.currency:
                cost.add_metric([one.bot, one.currency], float(money(one.cost)))
        yield cost

    def _of_ledger(self) -> Iterator[Metric]:
        yield from self._bots()
        states = GaugeMetricFamily("a2pcli_runs", "Runs by state", labels=["state"])
        for state, count in sorted(runs_by_state(self._store.ledger).items()):
            states.add_metric([state], count)
        yield states
        messages = GaugeMetricFamily(
            "a2pcli_run_messages", "Messages of the newest runs", labels=["run", "campaign", "state"]
        )
        for line in runs_now(self._store.ledger, SHOWN_RUNS):
            counts = {
                "accepted": line.accepted, "rejected": line.rejected, "unknown": line.unknown,
                "left": line.left, "in_flight": line.in_flight,
            }  # fmt: skip
            for state, count in counts.items():
                messages.add_metric([line.run.id, line.run.campaign, state], count)
        yield messages


def part(listener: Listener) -> Part | None:
    """The route, if a token may use it."""
    if not any("metrics" in token.scopes for token in listener.settings.settings.listen.tokens.values()):
        return None
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(Kept(listener))
    requests = Counter(
        "a2pcli_http_requests", "Requests answered", ["route", "method", "status"], registry=registry
    )
    seconds = Histogram(
        "a2pcli_http_request_seconds", "Time to answer", ["route"], registry=registry, buckets=SECONDS
    )

    def observe(seen: Seen) -> None:
        requests.labels(seen.route, seen.method, str(seen.status)).inc()
        seconds.labels(seen.route).observe(seen.seconds)

    def answer(_asked: Asked) -> Answer:
        """Give metrics in the format of Prometheus."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Part(
        [Route("/metrics", Endpoint(listener, "metrics", answer, ("GET",), answers=ANSWERS))],
        observe=observe,
    )
