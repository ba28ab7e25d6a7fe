"""A chat endpoint on this machine: it answers as OpenAI's servers do, or misbehaves as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "bot-key-0123456789"
Document = dict[str, Any]


@dataclass
class Reply:
    """What it answers once: a status, headers, and a body as it is."""

    body: bytes | str | Document | list[Any] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    seconds: float = 0.0


def completion(text: Any, *, finish: Any = "stop", usage: Any = (50, 10), **message: Any) -> Document:
    """A chat completion."""
    document: Document = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "small",
        "choices": [
            {"index": 0, "finish_reason": finish, "logprobs": None,
             "message": {"role": "assistant", "content": text, "refusal": None, **message}}
        ],
    }  # fmt: skip
    if usage is not None:
        read, made = usage
        document["usage"] = {"prompt_tokens": read, "completion_tokens": made, "total_tokens": read + made}
    return document


@dataclass
class Bot:
    """The endpoint. ``got`` are the documents it was asked; ``replies`` the next answers, then those of ``says``."""

    url: str
    got: list[Document] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    says: Callable[[Document], Any] = lambda document: completion(f"You said: {newest(document)}")

    def asked(self) -> list[str]:
        """The newest messages that it was asked about."""
        return [newest(one) for one in self.got]


def newest(document: Document) -> str:
    """What the person wrote last."""
    return str(document["messages"][-1]["content"] if "messages" in document else document["text"])


@contextmanager
def bot() -> Iterator[Bot]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            document = json.loads(body)
            made.headers.append({**dict(self.headers.items()), "path": self.path, "body": body.decode()})
            made.got.append(document)
            reply = made.replies.pop(0) if made.replies else made.says(document)
            if not isinstance(reply, Reply):
                reply = Reply(reply)
            time.sleep(reply.seconds)
            sent = reply.body if isinstance(reply.body, (bytes, str)) else json.dumps(reply.body)
            sent = sent.encode("utf-8", "surrogatepass") if isinstance(sent, str) else sent
            with suppress(OSError):
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Bot(f"http://127.0.0.1:{server.server_port}/v1")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


@cache
def writer() -> str:
    """The URL of an endpoint that stays for all tests of a process, and proposes one draft of the starter's text."""
    server = ExitStack().enter_context(bot())
    text = "{{ first_name }}: 20% off until Sunday. Reply STOP to opt out"
    server.says = lambda _: completion(json.dumps({"variants": [text, "Now 30% off. Reply STOP to opt out"]}))
    return server.url
