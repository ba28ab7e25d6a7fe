"""Sending over HTTP: a2pcli with its durable ledger, against a bare aiohttp loop and httpx without one.

    python benchmarks/send_http.py [--count 50000] [--rounds 3]

All three post the same JSON to the same server on this machine (nginx, or granian where there is no nginx) over
100 connections, and read the id out of the answer. Each runs in a process of its own; the rounds are interleaved
and the median counts, so that a busy machine slows all of them alike. Beside the rate stands the processor time of a
message, of all threads of its process: a rate that it does not explain was waiting. As installed: modules are compiled
once (see start_up.py). a2pcli claims from a planned run and records every outcome; planning is not in its time. httpx
takes quadratic time in its connections, so it gets a smaller share of the messages, and its rate is what is compared.
Exits with 1 below the goals.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONNECTIONS = 100
GOALS = {"httpx": 20.0, "aiohttp": 1.0}
HTTPX_SHARE = 40

NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 60s;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  server {{
    listen 127.0.0.1:{port};
    location / {{ default_type application/json; return 201 '{{"id":"$request_id","status":"queued"}}'; }}
  }}
}}
"""

RSGI = """
class App:
    def __rsgi_init__(self, loop): ...
    async def __rsgi__(self, scope, protocol):
        await protocol()
        protocol.response_str(201, [("content-type", "application/json")], '{"id":"m1","status":"queued"}')
app = App()
"""


def payload(row: int) -> dict[str, str]:
    return {
        "to": f"+4477{row:08d}",
        "text": f"Hi Customer {row}, 20% off until Sunday: https://acme.example/spring Reply STOP to opt out",
        "reference": f"r0000000-{row:06d}",
    }


# -- the contenders, each in a process of its own -----------------------------------------------------


async def bare_aiohttp(url: str, count: int) -> tuple[float, float]:
    import aiohttp

    rows = iter(range(count))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:

        async def worker() -> None:
            for row in rows:
                async with session.post(url, json=payload(row)) as response:
                    answer = await response.json()
                    assert response.status == 201
                    assert answer["id"]

        return await timed(worker)


async def default_httpx(url: str, count: int) -> tuple[float, float]:
    import httpx

    rows = iter(range(count))
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:

        async def worker() -> None:
            for row in rows:
                response = await client.post(url, json=payload(row))
                assert response.status_code == 201
                assert response.json()["id"]

        return await timed(worker)


async def timed(worker: object) -> tuple[float, float]:
    """Seconds that the workers take, and of the processor."""
    start, worked = time.perf_counter(), time.process_time()
    await asyncio.gather(*[worker() for _ in range(CONNECTIONS)])  # type: ignore[operator]
    return time.perf_counter() - start, time.process_time() - worked


async def ours(url: str, count: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        return await through_ledger(f"{folder}/ledger.db", url, count)


async def through_ledger(
    place: str, url: str, count: int, block: dict[str, object] | None = None
) -> tuple[float, float]:
    """Seconds that sending takes with the ledger at this path or URL, and of the processor; a plan is made before.

    ``block`` is another gateway than the HTTP one."""
    from a2pcli.gateways.registry import create
    from a2pcli.ledger.records import AcceptedRows, NewRun, PlannedRows
    from a2pcli.ledger.store import Ledger
    from a2pcli.sending.engine import send_run
    from a2pcli.sending.options import Ended, SendOptions
    from a2pcli.sending.stop import StopRequest

    fields = {"to": "{{ to }}", "text": "{{ body }}", "reference": "{{ reference }}"}
    block = block or {"type": "http", "url": url, "json": fields, "response": {"id": "id"}}
    with Ledger.open(place) as ledger:
        run = ledger.plans.begin(
            NewRun(
                campaign="benchmark", occasion=ledger.plans.occasion("benchmark", "once"), gateway="provider"
            )
        )
        messages = [payload(row) for row in range(count)]
        rows = AcceptedRows(
            row=list(range(1, count + 1)),
            line=list(range(2, count + 2)),
            address=[one["to"] for one in messages],
            person=[int(one["to"][1:]) for one in messages],
            body=[one["text"] for one in messages],
            country="GB",
            encoding="GSM-7",
            units=90,
            parts=1,
            cost=40_000_000,
            currency="GBP",
        )
        ledger.plans.add_rows(run, PlannedRows(accepted=rows))
        run = ledger.plans.finish(run, digest="0" * 64, rows_read=count, summary={})
        del messages, rows
        gc.set_threshold(200_000, 20, 20)  # as the command does
        gc.freeze()
        start, worked = time.perf_counter(), time.process_time()
        result = await send_run(
            ledger,
            run,
            create("provider", block),
            SendOptions(concurrency=CONNECTIONS),
            stop=StopRequest(),
            on_progress=lambda _progress: None,
        )
        took = time.perf_counter() - start, time.process_time() - worked
        assert result.ended is Ended.FINISHED
        assert ledger.runs.totals(run).by_state == {"accepted": count}
    return took


CONTENDERS = {"aiohttp": bare_aiohttp, "a2pcli": ours, "httpx": default_httpx}


# -- the comparison -----------------------------------------------------------------------------------


@contextmanager
def server(folder: str) -> Iterator[tuple[str, str]]:
    """A server that is not the bottleneck: its name, and its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if nginx:
        Path(folder, "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
        command = [nginx, "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"]
    else:
        Path(folder, "bench_app.py").write_text(RSGI)
        command = [sys.executable, "-m", "granian", "--interface", "rsgi", "--port", str(port), "--no-ws"]
        command += ["--log-level", "critical", "bench_app:app"]
    process = subprocess.Popen(command, cwd=folder)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield ("nginx" if nginx else "granian"), f"http://127.0.0.1:{port}/messages"
    finally:
        process.terminate()
        process.wait()


def measured(name: str, url: str, count: int) -> tuple[float, float]:
    """Messages a second, and microseconds of the processor for each, by a process of its own."""
    command = [sys.executable, __file__, "--only", name, "--url", url, "--count", str(count)]
    took, worked = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return count / float(took), float(worked) / count * 1e6


def compare(count: int, rounds: int) -> int:
    rates: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    work: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    counts = {"aiohttp": count, "a2pcli": count, "httpx": max(count // HTTPX_SHARE, 200)}
    with tempfile.TemporaryDirectory() as folder, server(folder) as (kind, url):
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(folder) / "compiled")
        for _ in range(rounds):
            for name in CONTENDERS:
                rate, worked = measured(name, url, counts[name])
                rates[name].append(rate)
                work[name].append(worked)
    medians = {name: statistics.median(found) for name, found in rates.items()}
    worked_for = {name: statistics.median(found) for name, found in work.items()}
    print(
        f"{count:,} messages over HTTP to {kind} on this machine, {CONNECTIONS} connections, median of {rounds}"
    )
    print(f"{'':24}{'messages':>10}{'a second':>10}{'processor':>12}{'a2pcli is':>12}{'goal':>8}")
    failed = False
    for name, label in (("httpx", "httpx, its own transport"), ("aiohttp", "bare aiohttp, no ledger")):
        ratio = statistics.median(a / b for a, b in zip(rates["a2pcli"], rates[name], strict=True))
        failed |= ratio < GOALS[name]
        print(
            f"{label:24}{counts[name]:>10,}{medians[name]:>10,.0f}{worked_for[name]:>9,.0f} µs"
            f"{ratio:>11.2f}x{GOALS[name]:>7}x"
        )
    own = f"{medians['a2pcli']:>10,.0f}{worked_for['a2pcli']:>9,.0f} µs"
    print(f"{'a2pcli, durable ledger':24}{count:>10,}{own}")
    print(json.dumps({name: [round(rate) for rate in found] for name, found in rates.items()}))
    return int(failed)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--count", type=int, default=50_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", choices=CONTENDERS, help=argparse.SUPPRESS)
    options.add_argument("--url", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.only:
        print(*asyncio.run(CONTENDERS[given.only](given.url, given.count)))
    else:
        sys.exit(compare(given.count, given.rounds))


if __name__ == "__main__":
    main()
