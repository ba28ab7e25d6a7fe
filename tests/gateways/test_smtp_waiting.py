"""How long a relay is waited for, by each of its answers; and what the lines of an email are."""

from __future__ import annotations

import email
import email.policy
import re
import socket
import threading
import time
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from smtpkit import Relay
from test_smtp_promises import message, submitted

from a2pcli.gateways.smtp import mime
from a2pcli.messages import Cause, Message, Verdict


def test_each_answer_has_the_whole_timeout(tmp_path: Path) -> None:
    """A relay that takes most of it for each command is slow, not silent."""

    def slowly(_address: str) -> None:
        time.sleep(0.4)

    with Relay() as relay:
        relay.handler.on_mail = relay.handler.on_rcpt = slowly
        relay.handler.pause = 0.4
        sent = [message(number) for number in (1, 2)]
        outcomes = submitted(relay.settings(tmp_path, timeout="1"), sent)
    assert [one.verdict for one in outcomes] == [Verdict.ACCEPTED] * 2


def test_a_connection_that_waited_long_ago_waits_as_long_the_next_time(tmp_path: Path) -> None:
    """The timer of an earlier command ends no later one, and lets none wait for ever."""
    with Relay() as relay:
        relay.handler.on_data = lambda _: setattr(relay.handler, "pause", 2.0)
        started = time.monotonic()
        outcomes = submitted(relay.settings(tmp_path, timeout="0.3"), [message(1), message(2)])
        assert time.monotonic() - started < 1.5
    assert [one.verdict for one in outcomes] == [Verdict.ACCEPTED, Verdict.UNKNOWN]
    assert outcomes[1].code == "timeout"


class ReadsNoMessage:
    """A relay that asks for the message and then reads nothing more."""

    def __enter__(self) -> dict[str, Any]:
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen()
        self._done = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()
        port = str(self._listening.getsockname()[1])
        return {"type": "smtp", "host": "127.0.0.1", "port": port, "tls": "none", "timeout": "0.4"}

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        connection.sendall(b"220 hello\r\n")
        for reply in (b"250 hello\r\n", b"250 OK\r\n", b"250 OK\r\n", b"354 go on\r\n"):
            connection.recv(4096)
            connection.sendall(reply)
        self._done.wait(20)
        connection.close()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._listening.close()


def test_a_relay_that_stops_reading_has_not_got_the_message() -> None:
    with ReadsNoMessage() as settings:
        (outcome,) = submitted(settings, [message(html="<p>Hello</p>\n" * 600_000)])
    assert (outcome.verdict, outcome.cause, outcome.code) == (
        Verdict.NOT_SENT,
        Cause.UNREACHABLE,
        "timeout",
    )


TEXTS = st.lists(
    st.one_of(
        st.sampled_from(["\r\n", "\n", "\r", "\n\n", "\n.\n"]),
        st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), max_size=20),
        st.builds(lambda n, c: c * n, st.integers(980, 1000), st.sampled_from("aé")),
    ),
    max_size=12,
).map("".join)


@given(TEXTS, st.booleans())
@example("a" * 990 + "\n" + "b" * 990, False)
@example("a" * 991, False)
@example("x\n" + "a" * 991 + "\n" + "y" * 40, True)
def test_every_text_arrives_with_its_lines_and_no_line_is_too_long(text: str, eight_bit: bool) -> None:
    one = Message(
        1, "rsmtptst-000001", "anna@example.com", text, "email", sender="n@shop.example",
        content={"subject": "Hi"},
    )  # fmt: skip
    made = mime.email_of(one, mime.Defaults(), eight_bit=eight_bit)
    lines = made.data.split(b"\r\n")
    assert max(map(len, lines)) <= mime.LONGEST_LINE
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    read = email.message_from_bytes(made.data)
    payload = read.get_payload(decode=True)
    assert isinstance(payload, bytes)
    wanted = re.sub(r"\r\n|\r|\n", "\n", text)
    assert payload.replace(b"\r\n", b"\n").decode() in (wanted, wanted + "\n")
    is_plain = text.isascii() and max(map(len, wanted.split("\n"))) <= mime.LONGEST_LINE
    assert (read["Content-Transfer-Encoding"] == "7bit") is is_plain
