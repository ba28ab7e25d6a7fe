"""What people wrote is erased with them, whatever kind of sender they wrote from: proven by the bytes of the ledger."""

from __future__ import annotations

import pytest
from clikit import Project

from a2pcli.actions.live_inbox import LiveInbox
from a2pcli.config.load import load_settings
from a2pcli.gateways.base import WrittenReply
from a2pcli.ledger.store import Ledger

SENDERS = {
    "Zanna.Quex@Example.com": b"zanna",
    "telegram:@QuexHandle": b"quexhandle",
    "+447700900123": b"7700900123",
    "60777": b"60777",
}


def bytes_of(project: Project) -> bytes:
    """All that the ledger's folder holds, in lower case."""
    files = (one for one in (project.folder / ".a2pcli").rglob("*") if one.is_file())
    return b"".join(one.read_bytes() for one in files).lower()


@pytest.fixture
def made(project: Project) -> Project:
    project.write("a2pcli.yaml", "region: GB\nreplies: {texts: keep}\n")
    assert project.run("ledger", "create").status == 0
    return project


@pytest.mark.parametrize("sender", SENDERS)
def test_replies_of_any_kind_of_sender_are_gone_from_the_bytes(made: Project, sender: str) -> None:
    rows = "".join(f"{one},stop wordof{trace.decode()},2026-01-02\n" for one, trace in SENDERS.items())
    made.write("replies.csv", "from,text,date\n" + rows)
    assert made.run("optout", "replies", "replies.csv").status == 0
    trace = SENDERS[sender]
    before = bytes_of(made)
    assert trace in before
    assert b"wordof" + trace in before
    assert made.run("people", "erase", sender.upper() if "@" in sender else sender, "--yes").status == 0
    after = bytes_of(made)
    assert trace not in after
    assert b"wordof" in after
    assert made.run("ledger", "check").status == 0


@pytest.fixture
def heard(made: Project) -> Project:
    """A run by email whose gateway heard three replies while it sent."""
    made.write("people.csv", "email\nben@example.org\n")
    made.write(
        "mail.yaml",
        "name: mail\nobjective: Tell them\npurpose: transactional\nchannel: email\nsender: news@acme.example\n"
        'contacts: people.csv\nmessage: "Hello"\n',
    )
    assert made.run("plan", "mail.yaml").status == 0
    with Ledger.open(str(made.folder / ".a2pcli" / "ledger.db")) as ledger:
        (run,) = ledger.runs.all()
        came = [
            WrittenReply(sender=sender, to="news@acme.example", text=text, received_at=1_770_000_000_000)
            for sender, text in (
                ("Zanna <Zanna.Quex@Example.com>", "STOP"),
                ("+447911123456", "STOP"),
                ("QUEXCORP", "stop quexword"),
            )
        ]
        LiveInbox(ledger, run, load_settings(made.folder)).keep([], came)
    return made


def test_a_stop_from_an_email_address_that_a_gateway_hears_is_obeyed(heard: Project) -> None:
    listed = {one["number"] for one in heard.run("optout", "list", "--json").json["suppressions"]}
    assert listed == {"zanna.quex@example.com", "+447911123456"}


def test_replies_of_a_sender_that_is_no_address_are_erased_by_the_sender_as_it_was_kept(
    heard: Project,
) -> None:
    assert b"quexcorp" in bytes_of(heard)
    assert [one["body"] for one in heard.run("people", "export", "QUEXCORP").json["replies"]] == [
        "stop quexword"
    ]
    ran = heard.run("people", "erase", "QUEXCORP", "--yes")
    assert ran.status == 0
    assert "it is not an address, so there is nobody to suppress" in ran.out
    assert "1 reply removed" in ran.out
    left = bytes_of(heard)
    assert b"quexcorp" not in left
    assert b"quexword" not in left
    assert heard.run("people", "erase", "NOBODY", "--yes").status == 2
