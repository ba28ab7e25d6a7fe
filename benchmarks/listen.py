"""Receipts a second that `a2pcli listen` stores, beside what the bare framework answers without storing.

Both run in one process of their own: Starlette on uvicorn, the same route, the same requests from another process over
loopback connections that stay open. The listener checks Twilio's signature, reads the receipt, matches it to its
message and commits it to a SQLite ledger before it answers. Each receipt is a request of its own, the dearest case:
providers that send several in one request cost less. Compare the ratio: the machine's own speed is in both. A request
is answered after its commit, so with few connections the disk decides; the processor time does not depend on either.

    .venv/bin/python benchmarks/listen.py [receipts] [connections]
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

TOKEN = "0123456789abcdef0123456789abcdef"
PUBLIC = "https://hooks.example.com"
PATH = "/callbacks/twilio"
SETTINGS = f"""\
region: GB
gateways:
  twilio: {{account_sid: AC{"0" * 32}, auth_token: {TOKEN}}}
listen:
  public_url: {PUBLIC}
"""

BARE = """\
import sys
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

async def callback(request: Request) -> Response:
    await request.body()
    return Response()

paths = ("/callbacks/{name}", "/events/{name}")
app = Starlette(routes=[Route(path, callback, methods=["GET", "POST"]) for path in paths])
uvicorn.run(app, port=int(sys.argv[1]), log_level="critical", access_log=False, lifespan="off", http="httptools")
"""


def requests(run: str, count: int) -> list[bytes]:
    """Each receipt as a whole signed request."""
    made = []
    for row in range(1, count + 1):
        fields = {"MessageSid": f"SM{row:032x}", "MessageStatus": "delivered", "To": "+447700900123"}
        path = f"{PATH}?reference={run}-{row:06d}"
        signed = PUBLIC + path + "".join(key + fields[key] for key in sorted(fields))
        mac = hmac.new(TOKEN.encode(), signed.encode(), hashlib.sha1).digest()
        body = urlencode(fields).encode()
        signature = base64.b64encode(mac).decode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: hooks.example.com\r\nX-Twilio-Signature: {signature}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


async def _post(port: int, mine: list[bytes]) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    good = 0
    for request in mine:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 20"):
            raise SystemExit(head.decode())
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length or 0))
        good += 1
    writer.close()
    return good


def load(port: int, made: list[bytes], connections: int, done: multiprocessing.Queue) -> None:
    async def run() -> int:
        return sum(
            await asyncio.gather(*(_post(port, made[start::connections]) for start in range(connections)))
        )

    began = time.perf_counter()
    good = asyncio.run(run())
    done.put((good, time.perf_counter() - began))


def measured(
    port: int, made: list[bytes], connections: int, server: subprocess.Popen[bytes]
) -> tuple[float, float]:
    """Receipts a second, and seconds of the server's processor time for each thousand."""
    import psutil

    process = psutil.Process(server.pid)
    before = sum(process.cpu_times()[:2])
    queue: multiprocessing.Queue = multiprocessing.Queue()
    client = multiprocessing.Process(target=load, args=(port, made, connections, queue))
    client.start()
    good, seconds = queue.get()
    client.join()
    assert good == len(made), f"{good} of {len(made)} were taken"
    return good / seconds, (sum(process.cpu_times()[:2]) - before) / good * 1000


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def wait_for(port: int) -> None:
    """Until requests are answered: the port is open before the ledger is."""
    from urllib.error import HTTPError
    from urllib.request import urlopen

    for _ in range(200):
        try:
            urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close()
            return
        except HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not start")


def plan(folder: Path, count: int) -> str:
    """A sent run of so many messages; its id."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "ledger"))
    from ledgerkit import NOW, Make

    from a2pcli.ledger.lock import sender_lock
    from a2pcli.ledger.records import RunState, Settled
    from a2pcli.ledger.store import Ledger
    from a2pcli.messages import Outcome, State, Verdict

    with Ledger.open(str(folder / "ledger.db")) as ledger:
        run = Make(ledger).plan(count)
        with sender_lock(ledger, run):
            ledger.attempts.start(run, NOW)
            while claimed := ledger.attempts.exchange(run, [], 2_000, NOW).claimed:
                taken = Outcome(Verdict.ACCEPTED, gateway_id="SM")
                settled = [Settled(one.message.id, taken, State.ACCEPTED) for one in claimed]
                ledger.attempts.exchange(run, settled, 0, NOW)
            ledger.runs.set_state(run, RunState.FINISHED, None, NOW)
        return run.id


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    connections = int(sys.argv[2]) if len(sys.argv) > 2 else 800
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a2pcli.yaml").write_text(SETTINGS + "ledger: ledger.db\n")
        made = requests(plan(folder, count), count)
        bare_port, port = free_port(), free_port()
        bare = subprocess.Popen([sys.executable, "-c", BARE, str(bare_port)], cwd=folder)
        wait_for(bare_port)
        bare_rate, bare_cpu = measured(bare_port, made, connections, bare)
        bare.send_signal(signal.SIGTERM)
        bare.wait()
        command = [sys.executable, "-m", "a2pcli", "listen", "--port", str(port)]
        environ = {**os.environ, "A2PCLI_DEBUG": os.environ.get("A2PCLI_DEBUG", "")}
        listener = subprocess.Popen(command, cwd=folder, env=environ, stderr=subprocess.DEVNULL)
        wait_for(port)
        rate, cpu = measured(port, made, connections, listener)
        listener.send_signal(signal.SIGTERM)
        assert listener.wait() == 0
        stored = subprocess.run(
            [sys.executable, "-m", "a2pcli", "ledger", "query", "--json", "SELECT count(*) AS n FROM receipts"],
            cwd=folder, capture_output=True, check=True,
        )  # fmt: skip
        assert str(count) in json.dumps(json.loads(stored.stdout)), "every receipt is in the ledger"
    show((bare_rate, bare_cpu), (rate, cpu), "receipts")


def show(bare: tuple[float, float], ours: tuple[float, float], what: str) -> None:
    """Print requests a second and seconds of processor time per 1,000, of both, and their ratio."""
    (bare_rate, bare_cpu), (rate, cpu) = bare, ours
    print(f"bare framework   {bare_rate:>8,.0f} requests/s   {bare_cpu:.3f} s of processor time per 1,000")
    print(f"a2pcli listen    {rate:>8,.0f} {what}/s   {cpu:.3f} s of processor time per 1,000")
    share, times = rate / bare_rate, cpu / bare_cpu
    print(f"ratio            {share:>8.2f} of the bare framework's rate, {times:.2f}x its processor time")


if __name__ == "__main__":
    main()
