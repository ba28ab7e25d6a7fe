"""A whole email campaign: a2pcli with its ledger, against the usual script over one connection to aiosmtpd.

    python benchmarks/email_campaign.py [--rows 20000] [--rounds 3] [--relays 3]

Both read the same contacts, render HTML and text for each person, write the styles into the elements (12 kB then), and
send to the same aiosmtpd on this machine. Both are processes of their own, and their start is in the time. a2pcli is
one ``send --yes``, which plans, records and sends over 50 connections. The script is ``usual_email_script.py``, once
with css-inline and, where it is installed, once with premailer; its time grows with the rows, so it gets a sixth of
them (premailer a fortieth). ``finished`` is its loop with one finished email, again and again; ``ready-made`` writes
one email of a2pcli's over 50 connections and does nothing else: no client sends more. Exits with 1 below the goals;
see docs/performance.md for what they mean.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import send_email  # noqa: E402
from contacts import NAMES, PLANS  # noqa: E402

CONNECTIONS = 50
GOALS = {"premailer": 5.0, "css-inline": 5.0}
"""How many times as fast as the script a2pcli is, at least, by what the script inlines styles with."""
CAMPAIGN = """name: newsletter
objective: Measure an email campaign
purpose: transactional
channel: email
contacts: contacts.csv
sender: Example Outdoor <news@shop.example.com>
message: |
{text}
email:
  subject: "{{{{ first_name }}}}, the autumn sale begins"
  html: newsletter.html
  reply_to: help@shop.example.com
  unsubscribe:
    url: https://shop.example.com/leave?c={{{{ customer_id }}}}
"""
SETTINGS = """gateway: mail
gateways:
  mail: {{type: smtp, host: 127.0.0.1, port: {port}, tls: none, concurrency: {connections}, per_connection: 1000}}
"""


def write_contacts(path: Path, rows: int) -> None:
    """Names with accents, 1% that are no addresses, 2% duplicates."""
    dice = random.Random(1)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("customer_id,email,first_name,plan,points,city\n")
        for row in range(rows):
            kind = dice.random()
            number = dice.randrange(row) if kind < 0.02 and row else row
            email = "n/a" if kind > 0.99 else f"person.{number}@example{number % 50}.com"
            person = f"{dice.choice(NAMES)},{dice.choice(PLANS)},{dice.randrange(2000)}"
            file.write(f"C{row:08d},{email},{person},Town {row % 997}\n")


class Campaign:
    """A folder with the contacts, the texts and the settings; each method returns seconds and emails sent."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        for name in ("newsletter.html", "newsletter.txt"):
            shutil.copy(HERE / name, folder)
        text = "".join(f"  {line}\n" for line in (HERE / "newsletter.txt").read_text().splitlines())
        (folder / "campaign.yaml").write_text(CAMPAIGN.format(text=text.rstrip()))
        (folder / "a2pcli.yaml").write_text(SETTINGS.format(port=port, connections=CONNECTIONS))

    def script(self, how: str, contacts: str = "contacts.csv") -> tuple[float, int]:
        """The usual script."""
        command = [HERE / "usual_email_script.py", self.folder / contacts, str(self.port), how]
        took, said = self._run(*map(str, command))
        return took, int(said)

    def tool(self) -> tuple[float, int]:
        """``a2pcli send``, which plans and sends, on a new ledger."""
        shutil.rmtree(self.folder / ".a2pcli", ignore_errors=True)
        (self.folder / ".a2pcli-ledger.json").unlink(missing_ok=True)
        took, said = self._run("-m", "a2pcli", "send", "campaign.yaml", "--yes", "--json")
        return took, json.loads(said)["states"]["accepted"]

    def ready_made(self, count: int) -> float:
        """Emails a second, without the start."""
        _, said = self._run(str(HERE / "email_campaign.py"), "--ready-made", str(self.port), str(count))
        return count / float(said)

    def _run(self, *command: str) -> tuple[float, str]:
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *command], cwd=self.folder, check=True, capture_output=True, text=True
        )
        return time.perf_counter() - started, done.stdout


def ready_made(email: bytes, port: int, count: int) -> None:
    """Write one email again and again, and print the seconds: in a process of its own."""
    print(send_email.by_bare(port, count, CONNECTIONS, email)[0])


def composed() -> bytes:
    """One email as a2pcli writes it."""
    from jinja2 import Environment

    from a2pcli.content.email import inlined
    from a2pcli.gateways.smtp.mime import Defaults, email_of
    from a2pcli.messages import Message

    row = {"first_name": "Zoë", "city": "Town 5", "points": "12", "plan": "gold", "customer_id": "C00000001"}
    html, text = (
        Environment(autoescape=name.endswith("html")).from_string((HERE / name).read_text()).render(row)
        for name in ("newsletter.html", "newsletter.txt")
    )
    leave = {"url": "https://shop.example.com/leave?c=C00000001", "one_click": True}
    content = {"subject": "Zoë, the autumn sale begins", "html": inlined(html), "unsubscribe": leave}
    message = Message(1, "rbench00-000001", "zoe@example.com", text, "email", content=content)
    return email_of(message, Defaults("news@shop.example.com"), eight_bit=True).data


def compare(title: str, port: int, rows: int, rounds: int) -> bool:
    """Print what each sends to one relay, and return whether the goals are met."""
    contenders = ["finished", "css-inline", *(["premailer"] if find_spec("premailer") else []), "a2pcli"]
    found: dict[str, list[float]] = {name: [] for name in [*contenders, "ready-made"]}
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as place:
        campaign = Campaign(Path(place), port)
        write_contacts(campaign.folder / "contacts.csv", rows)
        write_contacts(campaign.folder / "sixth.csv", rows // 6)
        write_contacts(campaign.folder / "fewer.csv", rows // 40)
        (campaign.folder / "one.eml").write_bytes(composed())
        for _ in range(rounds):
            for name in contenders:
                if name == "a2pcli":
                    took, sent = campaign.tool()
                else:
                    took, sent = campaign.script(name, "fewer.csv" if name == "premailer" else "sixth.csv")
                found[name].append(sent / took)
            found["ready-made"].append(campaign.ready_made(rows // 4))
    print(title)
    for name, rates in found.items():
        print(f"  {LABELS[name]:36}{statistics.median(rates):>7,.0f} emails/s", end="")
        ratio = statistics.median(a / b for a, b in zip(found["a2pcli"], rates, strict=True))
        print(f"   a2pcli is {ratio:.1f}x" if name != "a2pcli" else "", flush=True)
    return all(
        statistics.median(a / b for a, b in zip(found["a2pcli"], found[name], strict=True)) >= goal
        for name, goal in GOALS.items()
        if name in found
    )


LABELS = {
    "finished": "one finished email again and again",
    "css-inline": "the usual script, css-inline",
    "premailer": "the usual script, premailer",
    "a2pcli": f"a2pcli send, {CONNECTIONS} connections",
    "ready-made": f"ready-made, {CONNECTIONS} connections: the most",
}
RELAYS = (
    ("aiosmtpd as it comes, one process", "stock", 1),
    ("aiosmtpd as it comes, two processes behind one port", "stock", 2),
    ("aiosmtpd with PIPELINING, one process", "aiosmtpd", 1),
)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--rows", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--relays", type=int, default=len(RELAYS))
    options.add_argument("--ready-made", nargs=2, type=int, metavar=("PORT", "COUNT"), help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.ready_made:
        ready_made(Path("one.eml").read_bytes(), *given.ready_made)
        return 0
    met = []
    for title, name, processes in RELAYS[: given.relays]:
        with send_email.relay(name, processes) as port:
            met.append(compare(title, port, given.rows, given.rounds))
    return int(not all(met))


if __name__ == "__main__":
    sys.exit(main())
