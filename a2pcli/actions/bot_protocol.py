"""What bots are sent and what they answer: chat completions as many servers offer them, and a request of our own.

Whatever came back becomes a ``Said``: a text, or why there is none that could be sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from a2pcli.config.bots import Bot
from a2pcli.dataclass import dataclass
from a2pcli.rules.reply_text import visible

HAND_OVER = "[[HANDOVER]]"
"""What a model writes if a person should answer."""
NEW_KEY_HOSTS = ("api.openai.com",)
"""Where the limit of tokens is called ``max_completion_tokens``; other servers know the older name."""
LONGEST_TEXT = 100_000
_THOUGHT = re.compile(r"^\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_OPEN_THOUGHT = re.compile(r"</?think(?:ing)?>", re.IGNORECASE)
_MARK = re.compile(r"\[{1,2}\s*hand[\s_-]?over\s*\]{1,2}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a conversation: ``role`` is user or assistant."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """What a bot is asked. ``id`` identifies it, ``conversation`` is a keyed hash of the person; "" for none."""

    id: str
    instructions: str
    messages: Sequence[Message]
    conversation: str = ""
    channel: str = ""
    most_tokens: int = 300
    is_draft: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What a bot answered. ``text`` is None if it gave nothing that can be used, and ``why`` says so. Tokens are None
    where it did not tell."""

    text: str | None = None
    why: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None


def url_of(bot: Bot) -> str:
    """The URL that is asked."""
    if bot.kind == "http":
        return bot.url
    parts = urlsplit(bot.url)
    path = parts.path.rstrip("/")
    if not path.endswith("/chat/completions"):
        path += "/chat/completions"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def shown_url(bot: Bot) -> str:
    """The URL as a log may show it: a query may hold a secret."""
    parts = urlsplit(url_of(bot))
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


def document_of(bot: Bot, question: Question) -> dict[str, Any]:
    """The JSON document that is sent."""
    if bot.kind == "http":
        *earlier, newest = question.messages
        return {
            "id": question.id,
            "purpose": "draft" if question.is_draft else "reply",
            "conversation": question.conversation or None,
            "channel": question.channel or None,
            "instructions": question.instructions,
            "history": [{"role": one.role, "text": one.text} for one in earlier],
            "text": newest.text,
        }
    limit = "max_completion_tokens" if urlsplit(bot.url).hostname in NEW_KEY_HOSTS else "max_tokens"
    return {
        "model": bot.model,
        "messages": [
            {"role": "system", "content": question.instructions},
            *({"role": one.role, "content": one.text} for one in question.messages),
        ],
        limit: question.most_tokens,
        "n": 1,
        "stream": False,
    }


def most_tokens(bot: Bot, question: Question) -> tuple[int, int]:
    """The most tokens that a question can take: no tokenizer makes more of a text than it has bytes."""
    texts = [question.instructions, *(one.text for one in question.messages)]
    return sum(len(text.encode(errors="replace")) + 16 for text in texts), question.most_tokens


def read(bot: Bot, body: bytes) -> Said:
    """Return what a body says. Never raises."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return Said(None, "its answer is not JSON")
    if not isinstance(found, dict):
        return Said(None, "its answer is not a JSON object")
    return _own(found) if bot.kind == "http" else _completion(found)


def _own(found: Mapping[str, Any]) -> Said:
    usage = found.get("usage")
    tokens = _tokens(usage, "input_tokens"), _tokens(usage, "output_tokens")
    if found.get("hand_over") not in (None, False):
        return Said(None, "it asks for a person", *tokens)
    return _text(found.get("answer"), *tokens)


def _completion(found: Mapping[str, Any]) -> Said:
    usage, choices = found.get("usage"), found.get("choices")
    tokens = _tokens(usage, "prompt_tokens"), _tokens(usage, "completion_tokens")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(message, dict):
        return Said(None, "its answer has no message", *tokens)
    finished = first.get("finish_reason")
    reasons = {
        "length": "its answer was cut off",
        "content_filter": "its answer was withheld by a filter",
        "tool_calls": "it calls a tool instead of answering",
        "function_call": "it calls a tool instead of answering",
    }
    if isinstance(finished, str) and finished in reasons:
        return Said(None, reasons[finished], *tokens)
    if message.get("tool_calls") or message.get("function_call"):
        return Said(None, reasons["tool_calls"], *tokens)
    if message.get("refusal"):
        return Said(None, "it refuses to answer", *tokens)
    if message.get("role") not in (None, "assistant"):
        return Said(None, "its answer has no message of an assistant", *tokens)
    return _text(_joined(message.get("content")), *tokens)


def _joined(content: object) -> object:
    """The text of a list of parts, as some servers answer; thoughts are not part of it. Other content as it is."""
    if not isinstance(content, list):
        return content
    texts = []
    for part in content:
        kind, text = (part.get("type"), part.get("text")) if isinstance(part, dict) else (None, None)
        if kind == "text" and isinstance(text, str):
            texts.append(text)
        elif kind not in ("thinking", "reasoning"):
            return None
    return "".join(texts)


def _text(content: object, tokens_in: int | None, tokens_out: int | None) -> Said:
    if not isinstance(content, str):
        return Said(None, "its answer has no text", tokens_in, tokens_out)
    text = _THOUGHT.sub("", content[:LONGEST_TEXT])
    if _MARK.search(text):
        return Said(None, "it asks for a person", tokens_in, tokens_out)
    if _OPEN_THOUGHT.search(text):
        return Said(None, "its answer has thoughts in it that are not for people", tokens_in, tokens_out)
    if not visible(text):
        return Said(None, "its answer is empty", tokens_in, tokens_out)
    return Said(text.strip(), "", tokens_in, tokens_out)


def _tokens(usage: object, name: str) -> int | None:
    found = usage.get(name) if isinstance(usage, dict) else None
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < 10**9 else None
