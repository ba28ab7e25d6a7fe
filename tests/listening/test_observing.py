"""What happens in the listener can be watched: metrics, logs as JSON, traces; never with a secret or a number."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from clikit import Project
from listenkit import ENVIRON, SECRET, SETTINGS, listener
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from partkit import in_process
from prometheus_client.parser import text_string_to_metric_families

OPS = "ops-secret-0123456789"
TOKEN = '  tokens: {ops: {secret: "${OPS}", scopes: [metrics]}}\n'
BEARER = {"Authorization": f"Bearer {OPS}"}
DLR = "reference=r2345678-000001&status=1&id=abc"


def figures(text: str) -> dict[str, float]:
    """Samples of the exposition format by name and labels."""
    return {
        f"{sample.name}{json.dumps(sample.labels, sort_keys=True)}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_count_what_was_stored_and_what_was_answered(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.starter()
    project.run("send", "sale.yaml", "--yes")
    monkeypatch.setenv("OPS", OPS)
    with listener(project.folder, settings=SETTINGS + TOKEN) as heard:
        base = f"{heard.url}/callbacks/kannel"
        assert httpx.get(f"{base}/{SECRET}?{DLR}").status_code == 200
        assert httpx.get(f"{base}/{SECRET}?{DLR}").status_code == 200
        assert httpx.get(f"{base}/wrong-{SECRET}?{DLR}").status_code == 403
        assert httpx.get(f"{heard.url}/nowhere").status_code == 404
        assert httpx.get(f"{heard.url}/metrics").status_code == 401
        text = httpx.get(f"{heard.url}/metrics", headers=BEARER).text
    found = figures(text)
    assert found["a2pcli_receipts_total{}"] == 1
    assert found["a2pcli_duplicates_total{}"] == 1
    assert found["a2pcli_ledger_up{}"] == 1
    assert found['a2pcli_runs{"state": "finished"}'] == 1
    route = "/callbacks/{gateway}/{secret}"
    assert found[f'a2pcli_http_requests_total{{"method": "GET", "route": "{route}", "status": "200"}}'] == 2
    assert found[f'a2pcli_http_requests_total{{"method": "GET", "route": "{route}", "status": "403"}}'] == 1
    assert found['a2pcli_http_requests_total{"method": "GET", "route": "none", "status": "404"}'] == 1
    assert found[f'a2pcli_http_request_seconds_count{{"route": "{route}"}}'] == 3
    (run,) = project.run("runs", "--json", **ENVIRON).json["runs"]
    labels = json.dumps({"campaign": "spring-sale", "run": run["run"], "state": "accepted"}, sort_keys=True)
    assert found[f"a2pcli_run_messages{labels}"] == run["accepted"]
    assert not any(one in text for one in (SECRET, OPS, "447911"))


def test_metrics_say_that_the_ledger_is_gone_and_are_there_all_the_same(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPS", OPS)
    project.run("ledger", "create")
    with in_process(project.folder, "region: GB\nlisten:\n" + TOKEN) as heard:
        (project.folder / ".a2pcli/ledger.db").rename(project.folder / "moved.db")
        response = heard.ask("GET", "/metrics", headers=BEARER)
        (project.folder / "moved.db").rename(project.folder / ".a2pcli/ledger.db")
    assert (response.status_code, figures(response.text)["a2pcli_ledger_up{}"]) == (200, 0)


def test_a_log_of_events_has_one_object_a_line_and_no_secret(project: Project) -> None:
    with listener(project.folder, "--log-format", "json") as heard:
        httpx.get(f"{heard.url}/callbacks/kannel/{SECRET}?{DLR}")
        httpx.get(f"{heard.url}/callbacks/kannel/{SECRET}x?{DLR}")
        httpx.get(f"{heard.url}/readyz")
        assert heard.stop() == 0
        said = heard.said()
    events = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert {"v", "at", "event"} <= set.intersection(*map(set, events))
    assert "listen.started" in [one["event"] for one in events]
    (request,) = [one for one in events if one["event"] == "listen.request"]
    assert (request["route"], request["status"], request["gateway"]) == (
        "/callbacks/{gateway}/{secret}", 403, "kannel",
    )  # fmt: skip
    (stopped,) = [one for one in events if one["event"] == "listen.stopped"]
    assert stopped["receipts"] == 1
    assert SECRET not in said


@contextmanager
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """A collector of traces that speaks OTLP over HTTP."""
    taken: list[ExportTraceServiceRequest] = []

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            taken.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Takes) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", taken
        server.shutdown()


def test_traces_are_sent_where_the_settings_say_and_continue_the_callers(project: Project) -> None:
    with collector() as (url, taken):
        with listener(project.folder, settings=f"{SETTINGS}  traces: {url}\n") as heard:
            parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            path = f"{heard.url}/callbacks/kannel/{SECRET}?{DLR}"
            assert httpx.get(path, headers={"traceparent": parent}).status_code == 200
            assert httpx.get(f"{heard.url}/readyz").status_code == 200
            assert heard.stop() == 0, heard.said()
            assert f"traces are sent to {url}" in heard.said()
        spans = [
            span
            for request in taken
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
    named = {span.name: span for span in spans}
    span = named["GET /callbacks/{gateway}/{secret}"]
    assert span.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
    assert span.parent_span_id.hex() == "b7ad6b7169203331"
    assert {one.key for one in span.attributes} == {
        "http.request.method", "http.route", "http.response.status_code", "a2pcli.gateway",
    }  # fmt: skip
    assert "GET /readyz" in named
    assert SECRET not in str(taken)


def test_a_collector_that_is_not_there_does_not_hold_up_the_listener(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings = f"{SETTINGS}  traces: http://127.0.0.1:{port}/v1/traces\n"
    with listener(project.folder, settings=settings) as heard:
        assert httpx.get(f"{heard.url}/callbacks/kannel/{SECRET}?{DLR}").status_code == 200
        began = time.monotonic()
        assert heard.stop() == 0
        assert time.monotonic() - began < 40
        assert "Traceback" not in heard.said()


def test_a_place_for_traces_that_is_none_is_told(project: Project) -> None:
    for wrong in ("abc", "ftp://x/y", "http://", "http://[", "http://a b/"):
        project.write("a2pcli.yaml", f"{SETTINGS}  traces: '{wrong}'\n")
        ran = project.run("listen", "--port", "0", **ENVIRON)
        assert (ran.status, "is not a whole URL" in ran.err) == (3, True), ran.err


def test_traces_without_their_extra_say_what_to_install(project: Project) -> None:
    project.write("a2pcli.yaml", f"{SETTINGS}  traces: http://127.0.0.1:1/v1/traces\n")
    project.run("ledger", "create", **ENVIRON)
    code = (
        "import sys; sys.modules['opentelemetry.sdk'] = None; "
        "from a2pcli.cli.main import run; run(['listen', '--port', '0'])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=project.folder, env={**os.environ, **ENVIRON},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 3, ran.stderr
    assert "pip install 'a2pcli[otel]'" in ran.stderr
