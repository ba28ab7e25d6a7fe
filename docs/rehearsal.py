"""Shows the whole loop on this machine: a campaign leaves, receipts and replies come back, STOP is obeyed.

``make demo`` ends with it. Usage: ``python docs/rehearsal.py FOLDER``; the folder is made anew. Nothing is sent to
anybody, and the listener that it starts ends with it, however it ends.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

PEOPLE = 200
NAMES = ("Amelia", "Oliver", "Zoë", "José", "Priya", "Grace", "Mohammed", "Ming", "Ivy", "Thomas")
EXAMPLE = Path(__file__).parent / "examples" / "rehearsal"
STARTS_WITHIN, ANSWERS_WITHIN, STOPS_WITHIN = 30.0, 15.0, 40.0
"""Seconds."""
TRIES = 5
ANSWERED = "SELECT kind, state, COUNT(*) AS people FROM answers GROUP BY kind, state"
WAITING = "SELECT COUNT(*) FROM answers WHERE state NOT IN ('accepted', 'rejected', 'unknown', 'expired', 'skipped')"


class Failed(Exception):
    """The rehearsal cannot go on; the text says why."""


def main(folder: Path) -> int:
    """Run the rehearsal in this folder and return the exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ended)
    try:
        make_project(folder)
        rehearse(folder)
    except Failed as error:
        print(f"\nThe rehearsal stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Nothing is left running.", file=sys.stderr)
        return 130
    return 0


def rehearse(folder: Path) -> None:
    """Show every step of the loop."""
    say("Now the whole loop on this machine: a listener waits for receipts and replies.")
    with listener(folder):
        say(
            f"A simulated provider sends a campaign to {PEOPLE} people. The listener gets its receipts and the",
            "people's replies; `send` ends once the last one is in.",
        )
        run(folder, "send", "first.yaml", "--yes")
        wait_for_answers(folder)
        say("What became of each message, according to the receipts:")
        run(folder, "report", "spring-news")
        say("Everybody who wrote STOP, in whatever words, is on the suppression list:")
        run(folder, "optout", "list")
        say("Each of them got one confirmation, and everybody who asked for HELP got an answer:")
        run(folder, "ledger", "query", ANSWERED)
        say("The inbox has the replies that a person has to read, and opt-outs in people's own words:")
        run(folder, "inbox", "list")
        say("The next campaign has the same contacts. Everybody who wrote STOP is excluded:")
        run(folder, "plan", "second.yaml")
        say("The listener is told to stop. It finishes the requests that it accepted, then ends:")
    say("That was the whole loop. docs/rehearsal.md says how to rehearse your own campaigns.")


def make_project(folder: Path) -> None:
    """Copy the example, write its contacts, and give the listener a free port and a secret."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(EXAMPLE, folder)
    rows = [f"{NAMES[at % len(NAMES)]},07700900{at:03}" for at in range(PEOPLE)]
    (folder / "contacts.csv").write_text("\n".join(["first_name,phone", *rows, ""]), encoding="utf-8")


def set_port(folder: Path) -> int:
    """Choose a free port and write it into the project's ``.env``, with a new secret."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    environ = folder / ".env"
    environ.touch(mode=0o600)
    environ.write_text(f"REHEARSAL_PORT={port}\nREHEARSAL_SECRET={secrets.token_hex(24)}\n", encoding="utf-8")
    return port


@contextmanager
def listener(folder: Path) -> Iterator[None]:
    """Run ``a2pcli listen`` until the block ends, however it ends."""
    run(folder, "ledger", "create", quiet=True)
    log = folder / "listen.log"
    for _ in range(TRIES):
        port = set_port(folder)
        with log.open("w") as stream:
            # In a session of its own, so that Ctrl-C reaches only this process, which then stops it.
            process = subprocess.Popen(
                command("listen", "--port", str(port)), cwd=folder, stdout=stream, stderr=stream,
                start_new_session=True,
            )  # fmt: skip
        try:
            if not is_listening(process, log):
                continue  # another program took the port meanwhile
            print(f"\n$ a2pcli listen --port {port}")
            print(log.read_text(encoding="utf-8").rstrip(), flush=True)
            yield
            stop(process)
            said = log.read_text(encoding="utf-8").splitlines()
            print("\n".join(line for line in said if "stopped; stored" in line), flush=True)
            return
        finally:
            end(process)
    raise Failed(f"no port could be opened:\n{log.read_text(encoding='utf-8')}")


def is_listening(process: subprocess.Popen[bytes], log: Path) -> bool:
    """Wait until the listener serves; False if its port was taken. Raises ``Failed`` where it cannot start."""
    until = time.monotonic() + STARTS_WITHIN
    while process.poll() is None and time.monotonic() < until:
        if "listening on" in log.read_text(encoding="utf-8"):
            return True
        time.sleep(0.05)
    said = log.read_text(encoding="utf-8")
    if "in use" in said:
        return False
    raise Failed(f"the listener did not start:\n{said}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the listener gracefully. Raises ``Failed`` if it does not end as it should."""
    process.send_signal(signal.SIGTERM)
    try:
        status = process.wait(STOPS_WITHIN)
    except subprocess.TimeoutExpired:
        raise Failed("the listener did not stop") from None
    if status:
        raise Failed(f"the listener ended with status {status}")


def end(process: subprocess.Popen[bytes]) -> None:
    """Leave nothing running."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for_answers(folder: Path) -> None:
    """Wait until the listener has sent the confirmations."""
    until = time.monotonic() + ANSWERS_WITHIN
    while time.monotonic() < until:
        found = subprocess.run(
            command("ledger", "query", WAITING, "--json"), cwd=folder, capture_output=True, check=False
        )
        if found.returncode == 0 and json.loads(found.stdout)["rows"] == [[0]]:
            return
        time.sleep(0.3)


def run(folder: Path, *arguments: str, quiet: bool = False) -> None:
    """Run a command and show it. Raises ``Failed`` if it fails."""
    if not quiet:
        shown = " ".join(f'"{one}"' if " " in one else one for one in arguments)
        print(f"\n$ a2pcli {shown}", flush=True)
    found = subprocess.run(command(*arguments), cwd=folder, capture_output=quiet, check=False)
    if found.returncode:
        said = (found.stderr or b"").decode("utf-8", "replace")
        raise Failed(f"`a2pcli {arguments[0]}` ended with status {found.returncode}\n{said}".rstrip())


def command(*arguments: str) -> list[str]:
    """Return the command line of ``a2pcli`` in the same environment as this program."""
    return [sys.executable, "-m", "a2pcli", *arguments]


def say(*lines: str) -> None:
    """Print a paragraph for the reader."""
    print("\n" + "\n".join(f"# {line}" for line in lines), flush=True)


def _ended(number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python docs/rehearsal.py FOLDER")
    os.environ.setdefault("PYTHONUTF8", "1")
    sys.exit(main(Path(sys.argv[1]).resolve()))
