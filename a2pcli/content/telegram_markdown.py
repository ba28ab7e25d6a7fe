"""MarkdownV2 as Telegram takes it: what is marked must be closed, what is meant as a character must be escaped; and the
text that people read.

core.telegram.org/bots/api#markdownv2-style. Telegram refuses a whole message for one ``.`` without a backslash, so
this is told while planning.
"""

from __future__ import annotations

import re

from a2pcli.content.fitness import Unfit, web_address
from a2pcli.reasons import Reason

_PAIRS = ("||", "__", "*", "_", "~")
_RESERVED = "_*[]()~`>#+-=|{}.!"
_LINK = re.compile(r"\(((?:\\.|[^\\)])*)\)", re.DOTALL)
_CODE = {
    "```": re.compile(r"```(?:[\w+-]*\n)?((?:\\.|[^\\`])*)```", re.DOTALL),
    "`": re.compile(r"`((?:\\.|[^\\`])*)`", re.DOTALL),
}


def text_of_markdown(source: str) -> str:
    """The text of the MarkdownV2. Raises ``Unfit`` for what Telegram would refuse."""
    reader = _Reader(source)
    text = reader.text().strip()
    if not text:
        raise Unfit("'telegram.text' is empty", Reason.EMPTY_MESSAGE)
    return text


class _Reader:
    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.open: list[str] = []
        self.texts: list[str] = []

    def text(self) -> str:
        while self.at < len(self.source):
            self._step()
        if self.open:
            raise Unfit(f"'{self.open[-1]}' is not closed, or stands for itself and needs a backslash")
        return "".join(self.texts)

    def _step(self) -> None:
        char = self.source[self.at]
        if char == "\\":
            self._escaped()
        elif char == "`":
            self._code("```" if self.source.startswith("```", self.at) else "`")
        elif mark := next((one for one in _PAIRS if self.source.startswith(one, self.at)), None):
            self._mark(mark)
        elif char == "[":
            self.open.append("[")
            self.at += 1
        elif char == "]":
            self._link()
        elif char == ">" and self._starts_line():
            self.at += 1
        elif char in _RESERVED:
            raise Unfit(f"'{char}' needs a backslash before it")
        else:
            self.texts.append(char)
            self.at += 1

    def _escaped(self) -> None:
        following = self.source[self.at + 1 : self.at + 2]
        is_escaped = "\x01" <= following <= "\x7e"
        self.texts.append(following if is_escaped else "\\")
        self.at += 2 if is_escaped else 1

    def _mark(self, mark: str) -> None:
        self.at += len(mark)
        if self.open and self.open[-1] == mark:
            self.open.pop()
        elif mark in self.open:
            raise Unfit(f"'{self.open[-1]}' is not closed before '{mark}'")
        else:
            self.open.append(mark)

    def _code(self, mark: str) -> None:
        found = _CODE[mark].match(self.source, self.at)
        if found is None:
            raise Unfit(f"'{mark}' is not closed, or stands for itself and needs a backslash")
        self.texts.append(_bare(found[1]))
        self.at = found.end()

    def _link(self) -> None:
        found = _LINK.match(self.source, self.at + 1)
        if not self.open or self.open[-1] != "[" or found is None:
            raise Unfit("']' is not that of a link [text](https://…), and needs a backslash")
        web_address(_bare(found[1]), "telegram.text")
        self.open.pop()
        self.at = found.end()

    def _starts_line(self) -> bool:
        return self.at == 0 or self.source[self.at - 1] == "\n"


def _bare(text: str) -> str:
    return re.sub(r"\\([\x01-\x7e])", r"\1", text)
