"""HTML as Telegram takes it: its few tags, all of them closed; and the text that people read.

core.telegram.org/bots/api#html-style. Telegram refuses a whole message for one tag that it does not know, so this is
told while planning.
"""

from __future__ import annotations

from html.parser import HTMLParser

from a2pcli.content.fitness import Unfit, web_address
from a2pcli.reasons import Reason

_TAGS: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        ("b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "tg-spoiler", "pre"), frozenset()
    ),
    "a": frozenset({"href"}),
    "span": frozenset({"class"}),
    "code": frozenset({"class"}),
    "blockquote": frozenset({"expandable"}),
    "tg-emoji": frozenset({"emoji-id"}),
}
_ENTITIES = frozenset({"lt", "gt", "amp", "quot"})


def text_of_html(html: str) -> str:
    """The text of the HTML. Raises ``Unfit`` for HTML that Telegram would refuse."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    if reader.open:
        raise Unfit(f"the tag <{reader.open[-1]}> is not closed")
    text = "".join(reader.texts).strip()
    if not text:
        raise Unfit("'telegram.text' is empty", Reason.EMPTY_MESSAGE)
    return text


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.open: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        allowed = _TAGS.get(tag)
        if allowed is None:
            raise Unfit(f"Telegram has no tag <{tag[:20]}>")
        for name, value in attrs:
            if name not in allowed:
                raise Unfit(f"Telegram's tag <{tag}> has no attribute '{name[:20]}'")
            if name == "href":
                web_address(value or "", "telegram.text")
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        raise Unfit(f"Telegram has no tag <{tag[:20]}/>")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise Unfit(f"the tag </{tag[:20]}> closes nothing")

    def handle_data(self, data: str) -> None:
        if "<" in data:
            raise Unfit("'<' in the text must be written as &lt;")
        self.texts.append(data)

    def handle_entityref(self, name: str) -> None:
        if name not in _ENTITIES:
            raise Unfit(f"Telegram does not know &{name[:20]};")
        self.texts.append({"lt": "<", "gt": ">", "amp": "&", "quot": '"'}[name])

    def handle_charref(self, name: str) -> None:
        try:
            self.texts.append(chr(int(name[1:], 16) if name[:1] in "xX" else int(name)))
        except (ValueError, OverflowError):
            raise Unfit(f"&#{name[:20]}; is no character") from None

    def handle_comment(self, data: str) -> None:
        raise Unfit("Telegram takes no comments in HTML")

    def handle_decl(self, decl: str) -> None:
        raise Unfit("Telegram takes a part of a page, without a document type")

    def handle_pi(self, data: str) -> None:
        raise Unfit("Telegram takes no <? in HTML")

    def unknown_decl(self, data: str) -> None:
        raise Unfit("Telegram takes no <![ in HTML")
