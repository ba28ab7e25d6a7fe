"""What is wrong with a message's wording before anybody gets it: money, trust and law, by the text alone.

Heuristics, so every finding is a warning. Each looks at the template's own words, where tags are blanked out;
what contacts put in is looked at with a sample (``planning.check``). The lists are common knowledge of the
field: the opt-out words that carriers know, the link shorteners that they block.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from a2pcli.content.encoding import measure
from a2pcli.content.gsm import GSM, character_name
from a2pcli.content.smart import smart
from a2pcli.content.typography import TABLE

_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_CONSTANT = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
MANY = 3
"""Costly characters up to which each is told by itself."""
_BLANK = "\ue000"
"""Stands for a character of a tag: no letter, no space, in no alphabet."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A message as written. ``columns`` are the contacts' canonical columns, where they are known; ``examples``
    are messages as people would get them, before smart encoding."""

    source: str
    marketing: bool
    smart: bool = True
    sender: str | None = None
    columns: Collection[str] = ()
    examples: Sequence[str] = ()

    @property
    def words(self) -> str:
        """The source with every tag blanked out: the same length, so that places stay."""
        return _TAG.sub(lambda tag: _BLANK * len(tag[0]), self.source)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to think about at a character (from 0) of the template."""

    offset: int
    message: str
    hint: str | None
    code: str


def lint(copy: Copy) -> Iterator[Finding]:
    """Every finding about the wording."""
    for rule in RULES:
        yield from rule(copy)


def expensive_characters(copy: Copy) -> Iterator[Finding]:
    """Characters of the template that turn the whole message into UCS-2, with 70 characters a part."""
    forcing = _forcing(copy)
    if not forcing:
        return
    cost = _cost(copy, "".join(forcing))
    if len(forcing) > MANY:  # Another script, as a rule: one word about it is enough.
        char, offsets = next(iter(forcing.items()))
        message = (
            f"'{char}' ({character_name(char)}) and {len(forcing) - 1} other characters turn the message"
        )
        yield Finding(offsets[0], f"{message} into UCS-2: {cost}", None, "ucs-2")
        return
    for char, offsets in forcing.items():
        times = f" ({len(offsets)} times)" if len(offsets) > 1 else ""
        replacement = TABLE.get(char)
        hint = "remove it" if replacement is None else f"write {replacement!r}, or set smart: true"
        message = f"'{char}' ({character_name(char)}){times} turns the message into UCS-2: {cost}"
        yield Finding(offsets[0], message, hint, "ucs-2")


def _cost(copy: Copy, forcing: str) -> str:
    """What the characters cost the typical message: parts with them, and without."""
    texts = copy.examples or [copy.words.replace(_BLANK, "").strip() or forcing]
    plain = str.maketrans({char: TABLE.get(char, "?") for char in forcing})
    pairs = Counter(
        (measure(_best(text, copy)).parts, measure(_best(text.translate(plain), copy)).parts)
        for text in texts
        if text
    )
    now, without = max(pairs, key=lambda pair: (pairs[pair], pair), default=(1, 1))
    if now == without:
        return "70 characters a part instead of 160"
    for_whom = " for most people" if copy.examples and len(pairs) > 1 else ""
    return f"{now} parts instead of {without}{for_whom}"


def _best(text: str, copy: Copy) -> str:
    return smart(text).text if copy.smart else text


def _forcing(copy: Copy) -> dict[str, list[int]]:
    """Each character that is to blame, and where it stands. With smart encoding, only those it cannot replace."""
    found: dict[str, list[int]] = {}
    for offset, char in _typed(copy.source):
        if char not in GSM:
            found.setdefault(char, []).append(offset)
    if not copy.smart:
        return found
    return {char: offsets for char, offsets in found.items() if char not in TABLE}


def _typed(source: str) -> Iterator[tuple[int, str]]:
    """The characters that can reach the message: the words, and constants inside ``{{ }}``."""
    end = 0
    for tag in _TAG.finditer(source):
        yield from enumerate(source[end : tag.start()], end)
        if tag[0].startswith("{{"):
            for constant in _CONSTANT.finditer(source, tag.start(), tag.end()):
                yield from enumerate(constant[1] or constant[2] or "", constant.start() + 1)
        end = tag.end()
    yield from enumerate(source[end:], end)


# Reply keywords of the FCC and CTIA, and how marketing messages say "opt out" where other languages are spoken.
_OPT_OUT = re.compile(
    r"\b(?:stop|stopall|opt[\s-]?out|opting out|unsub\w*|end texts|no more (?:texts|messages)|"
    r"arr[eê]t\w*|d[ée]sabonn\w*|d[ée]sinscri\w*|"  # French
    r"abmeld\w*|abbestell\w*|"  # German
    r"baja|cancelar suscripci[oó]n|"  # Spanish
    r"cancell\w+|disiscri\w*|"  # Italian
    r"sair|parar|cancelar|"  # Portuguese
    r"afmeld\w*|stopp|avregistr\w*|avmeld\w*|frameld\w*|"  # Dutch, Scandinavian
    r"rezygn\w*|wypisz\w*|peruuta)\b|退订|退訂|配信停止",
    re.IGNORECASE,
)


def no_way_out(copy: Copy) -> Iterator[Finding]:
    """Marketing without a word on how to stop it: unlawful in most countries, blocked by carriers in some."""
    if not copy.marketing:
        return
    # A link's text counts where it says so (acme.example/stop); a tag may hold the words itself.
    if not _OPT_OUT.search(copy.source.replace("_", " ")):
        hint = "add a line such as 'Reply STOP to opt out'"
        yield Finding(0, "a marketing message that does not say how to opt out", hint, "no-opt-out")


_REPLY_STOP = re.compile(
    r"\b(?:reply|respond|answer|text|txt|send|répondez|antworten sie|responda|rispondi)\b"
    r"(?:\s+with)?\s+[\"'“‘]?(?P<word>STOP|ARRET|STOPP|UNSUBSCRIBE|END|QUIT)\b[\"'”’]?(?P<rest>[^.\n!?]{0,40})",
    re.IGNORECASE,
)


def reply_to_a_name(copy: Copy) -> Iterator[Finding]:
    """Nobody can reply to an alphanumeric sender."""
    if copy.sender is None or not re.search("[A-Za-z]", copy.sender):
        return
    found = _REPLY_STOP.search(copy.words)
    if found and not re.search(r"\d{3,}", found["rest"]):
        message = f"people cannot reply to the name '{copy.sender}'"
        yield Finding(found.start(), message, "give a number to text, or a link", "no-reply")


_ASKED = re.compile(
    r"\b(?i:reply|respond|answer|text|txt|send)\b(?i:\s+(?:back|with|us))*(?:[^.\n!?]{0,40}?\bor)?\s+[\"'“‘]?"
    r"(?P<word>STOP|CANCEL|END|QUIT|REVOKE|UNSUBSCRIBE|REMOVE)\b[\"'”’]?(?P<rest>[^.\n!?]{0,60})"
)
_ABOUT_MESSAGES = re.compile(
    r"\b(?:opt|unsub\w*|messages?|texts?|sms|mms|alerts?|updates?|offers?|reminders?|notifications?|marketing|"
    r"news|list|contacting|hearing|receiv\w*)\b",
    re.IGNORECASE,
)
_LEAVING = re.compile(r"\b(?:stop|end|quit|leave|out)\b", re.IGNORECASE)
_ABOUT_SOMETHING = re.compile(
    r"\b(?:appointments?|bookings?|orders?|reservations?|deliver(?:y|ies)|visits?|slots?|meetings?|trips?|rides?|"
    r"sessions?|calls?|class(?:es)?|payments?|contracts?)\b",
    re.IGNORECASE,
)


def keyword_for_something_else(copy: Copy) -> Iterator[Finding]:
    """CANCEL, END or STOP asked for as an answer: carriers and this tool take it as an opt-out."""
    for found in _ASKED.finditer(copy.words):
        rest = found["rest"]
        if _ABOUT_MESSAGES.search(rest):
            continue
        # Without a purpose named, STOP is understood as an opt-out; CANCEL and END are not.
        bare = found["word"] in ("CANCEL", "END", "REMOVE") and not _LEAVING.search(rest)
        if bare or _ABOUT_SOMETHING.search(rest):
            message = f"who replies {found['word']} is opted out of everything"
            hint = "ask for another word, such as NO or CHANGE"
            yield Finding(found.start("word"), message, hint, "keyword-clash")


_SHORTENERS = (
    "adf.ly", "bit.do", "bit.ly", "bitly.com", "bl.ink", "buff.ly", "clck.ru", "cutt.ly", "dub.sh", "goo.gl",
    "is.gd", "lnkd.in", "mcaf.ee", "ow.ly", "qr.ae", "rb.gy", "rebrand.ly", "rebrandly.com", "s.id", "short.io",
    "shorte.st", "shorturl.at", "snip.ly", "soo.gd", "t.co", "t.ly", "t2m.io", "tiny.cc", "tinyurl.com", "tny.im",
    "tr.im", "u.to", "v.gd", "x.co", "yourls.org",
)  # fmt: skip
_SHORTENER = re.compile(
    rf"(?<![\w.@-])(?:{'|'.join(map(re.escape, _SHORTENERS))})(?![\w-]|\.\w)", re.IGNORECASE
)


def public_shortener(copy: Copy) -> Iterator[Finding]:
    """Carriers block messages with links of shorteners that everybody can use, and people distrust them."""
    for found in _SHORTENER.finditer(copy.source):
        message = f"'{found[0]}' is a public link shortener: carriers block such messages"
        yield Finding(found.start(), message, "link to a domain of your own", "shortener")


def plain_http(copy: Copy) -> Iterator[Finding]:
    """Phones warn before they open http:// pages."""
    for found in re.finditer(r"\bhttp://", copy.source, re.IGNORECASE):
        yield Finding(found.start(), "a link without encryption", "write https://", "plain-http")


def shouting(copy: Copy) -> Iterator[Finding]:
    """Marketing in capitals reads as spam, to people and to filters."""
    letters = [char for char in re.sub(r"https?://\S+", "", copy.words) if char.isalpha() and char != _BLANK]
    if copy.marketing and len(letters) >= 20 and sum(char.isupper() for char in letters) > 0.6 * len(letters):
        yield Finding(0, "most of the message is in capitals: filters take it for spam", None, "shouting")


_PLACEHOLDERS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\*\|([\w .:-]{1,40})\|\*"), "Mailchimp"),
    (re.compile(r"%%([A-Za-z][\w .-]{0,40})%%"), "%%…%%"),
    (re.compile(r"%([A-Z][A-Z_]{2,40}|[a-z]+_[a-z_]+)%"), "%…%"),
    (re.compile(r"\$\{([A-Za-z_][\w .-]{0,40})\}"), "${…}"),
    (re.compile(r"(?<![{$])\{([A-Za-z_][\w .-]{0,40})\}(?!\})"), "{…}"),
    (re.compile(r"\[\[?([A-Z][A-Z_ ]{2,40}|(?i:(?:first|last|full|your)?[ _-]?name))\]\]?"), "[…]"),
    (re.compile(r"<<?([A-Z][A-Z_ ]{2,40}|[a-z]+_[a-z_]+|(?i:(?:first|last|full)?[ _-]?name))>>?"), "<…>"),
    (re.compile(r"@@?([A-Z][A-Z_]{2,40})@@?"), "@…@"),
)


def foreign_placeholder(copy: Copy) -> Iterator[Finding]:
    """A gap in another tool's notation would be sent as it stands: "Hi {first_name}"."""
    taken: list[tuple[int, int]] = []
    for pattern, _ in _PLACEHOLDERS:
        for found in pattern.finditer(copy.words):
            if any(start < found.end() and found.start() < end for start, end in taken):
                continue
            taken.append(found.span())
            name = re.sub(r"[\W_]+", "_", found[1].lower()).strip("_")
            column = name if name in copy.columns or not copy.columns else _near(name, copy.columns)
            hint = f"write {{{{ {column} }}}}" if column else "columns are written {{ name }}"
            message = f"'{found[0]}' is sent as it stands"
            yield Finding(found.start(), message, hint, "foreign-placeholder")


def _near(name: str, columns: Collection[str]) -> str | None:
    from difflib import get_close_matches

    squeezed = {column.replace("_", ""): column for column in columns}
    if name.replace("_", "") in squeezed:
        return squeezed[name.replace("_", "")]
    return next(iter(get_close_matches(name, list(columns), 1, 0.7)), None)


RULES: tuple[Callable[[Copy], Iterator[Finding]], ...] = (
    expensive_characters,
    no_way_out,
    reply_to_a_name,
    keyword_for_something_else,
    public_shortener,
    plain_http,
    shouting,
    foreign_placeholder,
)
