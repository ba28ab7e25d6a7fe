"""A sender of a run that goes by a route is killed again and again while one provider fails: nobody gets two."""

from __future__ import annotations

import http.server
import json
import signal
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import readykit

from a2pcli.ledger.store import Ledger

CAMPAIGN = """\
name: order
objective: Test
purpose: transactional
contacts: people.csv
gateway: main
message: "Your order is on its way"
"""
GATEWAY = (
    '{{type: http, url: "http://127.0.0.1:{port}/", json: {{to: "{{{{ to }}}}", text: "{{{{ body }}}}"}},'
    " response: {{id: id}}, rate: 300/s}}"
)


class Provider:
    """Takes messages on a thread. An ``ill`` one refuses every third with Retry-After, and takes every fourth without
    a clear answer."""

    def __init__(self, *, ill: bool = False) -> None:
        self.took: list[str] = []
        self._seen = 0
        lock, owner = threading.Lock(), self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                to = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["to"]
                with lock:
                    owner._seen += 1
                    seen = owner._seen
                    refuses = ill and seen % 3 == 0
                    if not refuses:
                        owner.took.append(to)
                time.sleep(0.005)
                body = json.dumps({"id": str(seen)}).encode()
                self.send_response(503 if refuses or (ill and seen % 4 == 0) else 201)
                if refuses:
                    self.send_header("Retry-After", "0")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def test_a_sender_that_is_killed_gives_nobody_two_messages_by_two_gateways(tmp_path: Path) -> None:
    people, kills = 400, 3
    a, b = Provider(ill=True), Provider()
    lines = (f"+447400{n:06}\n" for n in range(people))
    (tmp_path / "people.csv").write_text("phone\n" + "".join(lines))
    (tmp_path / "c.yaml").write_text(CAMPAIGN)
    gateways = "".join(f"  {name}: {GATEWAY.format(port=one.port)}\n" for name, one in (("a", a), ("b", b)))
    (tmp_path / "a2pcli.yaml").write_text(
        f"region: GB\ngateways:\n{gateways}routes:\n  main: {{shares: {{a: 60, b: 40}}}}\n"
    )
    command = ["send", "c.yaml", "--yes", "--concurrency", "8"]
    for kill in range(kills):
        process = readykit.begin(
            *command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
        )
        before = len(a.took) + len(b.took)
        until = time.monotonic() + 30
        while len(a.took) + len(b.took) < before + people // (2 * kills) and process.poll() is None:
            if time.monotonic() > until:
                break
            time.sleep(0.002)
        process.kill()
        assert process.wait() in (-signal.SIGKILL, 0, 4, 5), kill
    done = readykit.run(*command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 4), done.stderr + done.stdout
    took = Counter([*a.took, *b.took])
    assert max(took.values()) == 1
    with Ledger.open(str(tmp_path / ".a2pcli" / "ledger.db")) as ledger:
        (run,) = ledger.runs.all()
        assert ledger.check().findings == []
        rows = {row["address"]: row for some in ledger.messages.rows(run) for row in some}
        totals = ledger.runs.totals(run)
    assert totals.rows == people == totals.count("accepted", "unknown")
    for name, one in (("a", a), ("b", b)):
        for number in one.took:
            assert (rows[number]["gateway"] or "a") == name
    assert b.took
    assert a.took
