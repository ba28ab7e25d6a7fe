"""Chat ids: the names and numbers by which a chat network knows a person.

Each network has its own, and the same number in two of them is two people; so an id is kept with its network in front:
``telegram:@anna``, ``telegram:123456789``, ``messenger:4711``, ``viber:Q2FzaA==``.
"""

from __future__ import annotations

import re
import unicodedata

from a2pcli.addresses.kinds import Address, Kind
from a2pcli.dataclass import dataclass
from a2pcli.reasons import Reason

LONGEST_CELL = 250


@dataclass(frozen=True, slots=True)
class Network:
    """What ids of a network look like: a pattern over the whole id, links that hold one, and words for people."""

    ids: re.Pattern[str]
    links: re.Pattern[str] | None
    words: str
    folds: bool = False
    """Whether letter case makes no difference."""


NETWORKS: dict[str, Network] = {
    # core.telegram.org: usernames have 5 to 32 of a-z, 0-9 and underscores (4 where bought at auction), begin with a
    # letter, and know no case; ids of users are positive and fit 52 bits; a negative one is a
    # group's, and no person's.
    "telegram": Network(
        re.compile(r"@[A-Za-z](?:_?[A-Za-z0-9])+|[1-9]\d{0,15}", re.ASCII),
        re.compile(
            r"(?:https?://)?(?:www\.)?(?:t|telegram)\.me/@?([A-Za-z]\w*)/?|tg://resolve\?domain=(\w+)",
            re.ASCII,
        ),
        "a Telegram id is a number, or a name such as @anna_smith",
        folds=True,
    ),
    # developers.facebook.com: page-scoped ids are numbers of up to 20 digits.
    "messenger": Network(re.compile(r"[1-9]\d{3,19}", re.ASCII), None, "a Messenger id (PSID) is a number"),
    # developers.viber.com: ids of users are Base64. Columns called Viber often hold phone numbers, which are no ids.
    "viber": Network(
        re.compile(r"(?!\+?\d{7,15}\Z)[A-Za-z0-9+/]{10,40}={0,2}", re.ASCII),
        None,
        "a Viber id has letters, digits, + and /, and is no phone number",
    ),
}

_ALIASES = {"tg": "telegram", "facebook": "messenger", "fb": "messenger", "psid": "messenger"}
_PREFIXED = re.compile(r"\s*([A-Za-z]+)\s*:\s*(?!//)(.*)", re.DOTALL)
_DAMAGED = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE]\+?\d+")
_DECIMALS = re.compile(r"(-?\d+)[.,]0+")


def network_of(text: str) -> str | None:
    """The network that a text names in front of an id or by a link, None where it names none."""
    prefixed = _PREFIXED.fullmatch(text)
    if prefixed:
        name = prefixed[1].lower()
        name = _ALIASES.get(name, name)
        if name in NETWORKS:
            return name
    for name, network in NETWORKS.items():
        if network.links and network.links.fullmatch(text.strip()):
            return name
    return None


def read_handle(cell: str, network: str) -> Address:
    """Judge one cell of ids of a network.

    >>> read_handle("https://t.me/Anna_Smith", "telegram").address
    'telegram:@anna_smith'
    """
    about = NETWORKS[network]
    if len(cell) > LONGEST_CELL:
        return _refused("the cell is too long for a chat id")
    text = "".join(
        char for char in unicodedata.normalize("NFKC", cell) if unicodedata.category(char) != "Cf"
    ).strip()
    repairs: tuple[str, ...] = ()
    prefixed = _PREFIXED.fullmatch(text)
    if prefixed and network_of(text) == network:
        text = prefixed[2].strip()
    elif network_of(text) not in (None, network):
        return _refused(f"it is an id of {network_of(text)}")
    bare = text.strip("'\"`‘’“” ,;")
    if bare != text:
        text, repairs = bare, ("quotes-dropped",)
    if not text:
        return Address(Kind.HANDLE, None, Reason.MISSING_ADDRESS)
    link = about.links.fullmatch(text) if about.links else None
    if link:
        text, repairs = "@" + next(filter(None, link.groups())), (*repairs, "link-shortened")
    if _DAMAGED.fullmatch(text):
        return _refused("a spreadsheet changed it to exponent form; digits are lost")
    decimals = _DECIMALS.fullmatch(text)
    if decimals:
        text, repairs = decimals[1], (*repairs, "decimals-dropped")
    if about.ids.fullmatch(text):
        return Address(Kind.HANDLE, f"{network}:{text.lower() if about.folds else text}", repairs=repairs)
    pieces = [piece for piece in re.split(r"[\s,;|]+", text) if piece]
    if len(pieces) > 1 and all(about.ids.fullmatch(piece) for piece in pieces):
        return _refused(f"{len(pieces)} ids", Reason.AMBIGUOUS_ADDRESS)
    return _refused(about.words)


def read_recipient(cell: str, network: str) -> Address:
    """Judge one cell of ids to which messages are to go: ``read_handle``, and whether a message could reach it.

    A person can be known by a name, which counts for opt-outs. Bots reach people by numbers alone: to the Bot API a
    name is a channel's or a group's (core.telegram.org/bots/api, sendMessage: ``chat_id``).

    >>> read_recipient("@anna_smith", "telegram").address is None
    True
    """
    found = read_handle(cell, network)
    if found.address is not None and found.address.startswith("telegram:@"):
        return _refused("a bot reaches people by the number of their chat, not by a name")
    return found


def _refused(detail: str, reason: Reason = Reason.INVALID_ADDRESS) -> Address:
    return Address(Kind.HANDLE, None, reason, detail)
