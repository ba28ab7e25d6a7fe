"""What a gateway of a route did not clearly take stays with it: reconcile asks that gateway, and no other."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from clikit import Project

CAMPAIGN = """\
name: order
objective: Tell people that their order is on its way
purpose: transactional
contacts: people.csv
gateway: main
message: "Your order is on its way"
"""
GATEWAY = """\
  {name}:
    type: http
    url: http://127.0.0.1:{port}/
    json: {{to: "{{{{ to }}}}", text: "{{{{ body }}}}", ref: "{{{{ reference }}}}"}}
    response: {{id: id}}
    lookup:
      url: http://127.0.0.1:{port}/
      query: {{ref: "{{{{ reference }}}}"}}
      response: {{reference: ref, id: id}}
      missing: {{status: 404}}
"""


class Provider:
    """Takes each message under its reference and can be asked for it. While ``is_unclear`` it answers 500."""

    def __init__(self) -> None:
        self.took: dict[str, str] = {}
        self.asked: list[str] = []
        self.is_unclear = False
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                owner.took[sent["ref"]] = sent["to"]
                self._answer(500 if owner.is_unclear else 201, {"id": sent["ref"]})

            def do_GET(self) -> None:
                (ref,) = parse_qs(urlsplit(self.path).query)["ref"]
                owner.asked.append(ref)
                self._answer(200 if ref in owner.took else 404, {"ref": ref, "id": ref})

            def _answer(self, status: int, body: dict[str, str]) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def providers() -> Iterator[tuple[Provider, Provider]]:
    both = Provider(), Provider()
    yield both
    for one in both:
        one.server.shutdown()
        one.server.server_close()


def test_reconcile_asks_the_gateway_that_may_have_the_message(
    tmp_path: Path, providers: tuple[Provider, Provider]
) -> None:
    people, (a, b) = 40, providers
    a.is_unclear = True
    project = Project(tmp_path)
    project.write("order.yaml", CAMPAIGN)
    project.write("people.csv", "phone\n" + "".join(f"+447700{n:06}\n" for n in range(people)))
    gateways = "".join(
        GATEWAY.format(name=name, port=one.server.server_address[1]) for name, one in (("a", a), ("b", b))
    )
    project.write(
        "a2pcli.yaml", f"region: GB\ngateways:\n{gateways}routes:\n  main: {{shares: {{a: 50, b: 50}}}}\n"
    )
    project.run("ledger", "create")
    sent = project.run("send", "order.yaml", "--yes", "--json")
    assert sent.status == 4, sent.err
    by_gateway = {one["gateway"]: one["states"] for one in sent.json["attempts_by_gateway"]}
    assert by_gateway == {"a": {"unknown": len(a.took)}, "b": {"accepted": len(b.took)}}
    assert len(a.took) + len(b.took) == people
    done = project.run("reconcile", sent.json["run"], "--json")
    assert done.status == 0, done.err
    assert sorted(a.asked) == sorted(a.took)
    assert b.asked == []
    report = project.run("report", sent.json["run"], "--json").json
    after = {one["gateway"]: one["states"] for one in report["attempts_by_gateway"]}
    assert after == {"a": {"accepted": len(a.took)}, "b": {"accepted": len(b.took)}}
    again = project.run("send", "order.yaml", "--yes", "--json")
    assert len(a.took) + len(b.took) == people, again.err
