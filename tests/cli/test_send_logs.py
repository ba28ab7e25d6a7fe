"""What ``send`` tells a log, and the hooks that hear how it ended."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from clikit import SETTINGS, Project, Ran

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
NUMBERS = ("7911123456", "7911123457", "7911123459")
REHEARSAL = """
gateways:
  rehearsal:
    type: simulator
    seed: "3"
    latency: {median: 0.001, p95: 0.002}
    mix: {permanent: 30%, unknown: 10%}
"""


def events(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.out.splitlines()]


def many(count: int) -> str:
    return "mobile,first_name\n" + "".join(
        f"0791112{number:04},Ann\n" for number in range(1000, 1000 + count)
    )


def listener(project: Project, name: str = "heard") -> str:
    """A hook that notes what it was told; as a command for the settings."""
    code = "import sys, os; open(sys.argv[1], 'a').write(os.environ['A2PCLI_OUTCOME'] + ' ' + sys.stdin.read() + '\\n')"
    project.write("listener.py", code)
    return f"{sys.executable} listener.py {name}"


def heard(project: Project, name: str = "heard") -> list[tuple[str, dict[str, Any]]]:
    path = project.folder / name
    lines = path.read_text().splitlines() if path.exists() else []
    return [(outcome, json.loads(rest)) for outcome, rest in (line.split(" ", 1) for line in lines)]


def test_a_log_of_events_begins_with_its_version_and_ends_with_the_exit_status(project: Project) -> None:
    ran = project.starter().run("send", "sale.yaml", "--yes", "--log-format", "json")
    told = events(ran)
    assert [told[0]["event"], told[-1]["event"]] == ["version", "exit"]
    assert told[0]["log"] == 1
    assert told[-1]["status"] == ran.status == 0
    assert all(event["v"] == 1 and re.fullmatch(TIME, event["at"]) for event in told)
    assert ran.err == ""


def test_the_events_of_every_call_add_up_to_the_totals_of_the_run(project: Project) -> None:
    project.starter(people=many(300))
    project.write("a2pcli.yaml", SETTINGS + REHEARSAL)
    ran = project.run("send", "sale.yaml", "--yes", "--log-format", "json")
    told = events(ran)
    sums: Counter[str] = Counter()
    for event in told:
        if event["event"] in ("started", "progress"):
            sums.update({name: event[name] for name in ("accepted", "rejected", "unknown", "skipped")})
    (ended,) = (event for event in told if event["event"] == "ended")
    (planned,) = (event for event in told if event["event"] == "planned")
    assert sums["accepted"] == ended["totals"]["accepted"]
    assert sums["accepted"] + sums["rejected"] + sums["unknown"] == planned["recipients"]
    assert planned["rows"] == planned["recipients"] + sum(planned["excluded"].values())


@pytest.mark.parametrize("options", [("--log-format", "json"), ("--quiet",), ()])
def test_nobodys_number_and_no_text_gets_into_a_log(project: Project, options: tuple[str, ...]) -> None:
    ran = project.starter().run("send", "sale.yaml", "--yes", *options)
    assert ran.status == 0
    assert len(project.outbox()) > 0
    for number in NUMBERS:
        assert number not in ran.out + ran.err
    assert "20% off until Sunday" not in ran.out + ran.err


def test_without_a_terminal_every_line_of_the_log_begins_with_the_time(project: Project) -> None:
    ran = project.starter().run("send", "sale.yaml", "--yes")
    lines = [line for line in ran.err.splitlines() if ": warning: " not in line]
    assert len(lines) >= 2
    assert all(re.match(rf"{TIME} \S", line) for line in lines), ran.err


def test_a_problem_in_a_log_begins_with_its_place_after_a_line_with_the_time(project: Project) -> None:
    failed = project.run("send", "nowhere.yaml", "--yes")
    said, problem = failed.err.splitlines()
    assert re.fullmatch(rf"{TIME} send ended with exit status 3:", said)
    assert problem.startswith("nowhere.yaml: ")


def test_quiet_prints_nothing_when_all_is_well_and_the_problem_when_it_is_not(project: Project) -> None:
    ran = project.starter().run("send", "sale.yaml", "--yes", "--quiet")
    assert (ran.status, ran.out, ran.err) == (0, "", "")
    ran = project.run("send", "nowhere.yaml", "--yes", "--quiet")
    assert (ran.status, ran.out) == (3, "")
    assert "nowhere.yaml" in ran.err


def test_quiet_says_why_wherever_the_status_is_not_0(project: Project) -> None:
    head = "mobile,first_name,plan\n"
    project.starter(people=f"{head}07911123456,Ann,gold\nnot a number,Cid,gold\n")
    first = project.run("send", "sale.yaml", "--yes", "--quiet")
    assert (first.status, first.err) == (0, "")
    again = project.run("send", "sale.yaml", "--yes", "--quiet")
    assert (again.status, again.out) == (4, "")
    assert re.match(f"{TIME} nothing to send, but not everyone got the message", again.err)
    assert "1 invalid-number" in again.err
    project.starter(people=f"{head}07911123457,Ben,gold\n")
    certain = REHEARSAL.replace("permanent: 30%, unknown: 10%", "permanent: 100%")
    project.write("a2pcli.yaml", SETTINGS + certain + "gateway: rehearsal\n")
    rejected = project.run("send", "sale.yaml", "--yes", "--quiet")
    assert (rejected.status, rejected.out) == (4, "")
    assert re.fullmatch(
        rf"{TIME} run r\w+ of spring-sale finished: 1 rejected \(a2pcli report r\w+\)\n", rejected.err
    )


@pytest.mark.parametrize("both", [("--quiet", "--log-format", "json"), ("--json", "--quiet")])
def test_two_ways_of_speaking_at_once_are_refused(project: Project, both: tuple[str, ...]) -> None:
    assert project.starter().run("send", "sale.yaml", "--yes", *both).status == 2


def test_a_problem_is_an_event_too(project: Project) -> None:
    ran = project.run("send", "nowhere.yaml", "--yes", "--log-format", "json")
    told = events(ran)
    assert [event["event"] for event in told] == ["version", "problem", "exit"]
    assert told[1]["path"] == "nowhere.yaml"
    assert (told[2]["status"], ran.err) == (3, "")


def test_a_command_hears_that_a_run_finished_with_its_totals_and_nobodys_number(project: Project) -> None:
    project.starter()
    project.write("a2pcli.yaml", SETTINGS + f"hooks: {{finished: {listener(project)}}}\n")
    assert project.run("send", "sale.yaml", "--yes").status == 0
    ((outcome, event),) = heard(project)
    assert (outcome, event["outcome"], event["status"]) == ("finished", "finished", 0)
    assert event["totals"]["accepted"] == len(project.outbox())
    assert not any(number in json.dumps(event) for number in NUMBERS)


def test_a_paused_run_and_a_send_that_fails_are_told_to_their_own_hooks(project: Project) -> None:
    project.starter()
    broke = "gateways: {rehearsal: {type: simulator, account_stops_after: 1}}\ngateway: rehearsal\n"
    command = listener(project)
    project.write("a2pcli.yaml", SETTINGS + broke + f"hooks: {{paused: [{command}], failed: {command}}}\n")
    assert project.run("send", "sale.yaml", "--yes").status == 5
    (project.folder / "people.csv").unlink()
    assert project.run("send", "sale.yaml", "--yes", "--occurrence", "next").status == 3
    (first, paused), (second, failed) = heard(project)
    assert [first, second] == ["paused", "failed"]
    assert (paused["status"], paused["reason"]["severity"]) == (5, "error")
    assert (failed["status"], failed["problems"][0]["path"]) == (3, "people.csv")


def test_a_url_gets_the_event_as_json_and_its_secret_comes_from_the_environment(project: Project) -> None:
    got: list[tuple[str, dict[str, Any]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, json.loads(body)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    project.starter()
    url = f"http://127.0.0.1:{server.server_port}/told?key=${{HOOK_KEY}}"
    project.write("a2pcli.yaml", SETTINGS + f'hooks: {{finished: "{url}"}}\n')
    ran = project.run("send", "sale.yaml", "--yes", HOOK_KEY="s3cret")
    server.shutdown()
    ((path, event),) = got
    assert (path, event["outcome"]) == ("/told?key=s3cret", "finished")
    assert "s3cret" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ("nosuchprogram --token s3cret", "(command nosuchprogram): no such program"),
        ("false s3cret", "(command false): it ended with status 1"),
        ("http://127.0.0.1:9/s3cret", "(URL): no connection"),
        ("'unclosed", "a quote in it is not closed"),
    ],
)
def test_a_hook_that_does_not_work_is_a_warning_and_changes_nothing(
    project: Project, hook: str, said: str
) -> None:
    project.starter()
    project.write("a2pcli.yaml", SETTINGS + f'hooks: {{finished: "{hook}"}}\n')
    ran = project.run("send", "sale.yaml", "--yes")
    assert ran.status == 0
    assert "warning: the hook for finished failed" in ran.err
    assert said in ran.err
    assert "s3cret" not in ran.out + ran.err
    assert len(project.outbox()) > 0


def test_a_variable_that_a_hook_needs_and_that_is_not_set_is_told_at_its_place(project: Project) -> None:
    project.starter()
    project.write("a2pcli.yaml", SETTINGS + 'hooks: {finished: "https://x.example/${NOT_SET}"}\n')
    ran = project.run("send", "sale.yaml", "--yes")
    assert ran.status == 0
    assert "a2pcli.yaml:3:38: the environment variable NOT_SET is not set" in ran.err


def test_nothing_is_told_twice_to_a_hook_when_cron_finds_nothing_to_do(project: Project) -> None:
    project.starter()
    project.write("a2pcli.yaml", SETTINGS + f"hooks: {{finished: {listener(project)}}}\n")
    for _ in range(3):
        project.run("send", "sale.yaml", "--yes")
    assert len(heard(project)) == 1
    assert Path(project.folder / "heard").exists()
