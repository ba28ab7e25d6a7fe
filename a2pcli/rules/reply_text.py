"""Simplifies a reply for comparison with keywords: plain letters, repeated and mistyped letters undone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from a2pcli.folding import fold, is_letter

LONGEST = 4_000
"""Characters of a reply that are looked at; a text message has at most 255 parts, and says it at its beginning."""

_APOSTROPHES = re.compile("['’‘ʼ`´]")
_UNSPACED = (
    ("\u0e00", "\u0eff"),
    ("\u1780", "\u17ff"),
    ("\u3040", "\u30ff"),
    ("\u3400", "\u9fff"),
    ("\uac00", "\ud7af"),
)
"""First and last letters of scripts; as a regular expression they take milliseconds to compile."""
_LOOKALIKES = str.maketrans(
    "авеѕіјкмнорсԁтухքօոսҽԛ" + "αβεικνορτυχωϲη" + "ıɪʟɴᴏᴘꜱᴛᴜʙᴄ",
    "abesijkmhopcdtyxponueq" + "abeiknoptuxwcn" + "iilnopstubc",
)
"""Letters of other alphabets by the Latin ones that they look like (Unicode's confusables, those of whole words)."""
_PICTURED = {
    first + place: chr(ord("A") + place) for first in (0x1F150, 0x1F170, 0x1F1E6) for place in range(26)
}
"""Letters in black circles and squares, and those of flags, which no normal form of Unicode makes plain."""
_DIGITS = str.maketrans("013457@$!|+€£", "oieastasiltel")
"""Digits and signs that stand for letters."""
_SEPARATORS = re.compile(r"[.\-_*~,/\\]")


def is_unspaced(text: str) -> bool:
    """Whether a text is of a script that puts no spaces between words."""
    return not text.isascii() and any(first <= char <= last for char in text for first, last in _UNSPACED)


def visible(text: str) -> str:
    """Plain letters for full-width ones, one kind of space, and nothing that cannot be seen."""
    wide = unicodedata.normalize("NFKC", text.translate(_PICTURED))
    seen = "".join(
        char for char in wide if unicodedata.category(char) not in ("Cf", "Cc", "Me") or char in "\n\t"
    )
    return " ".join(seen.split())


def plain(text: str) -> str:
    """Lower case words without accents, one space between them; no punctuation, no emoji.

    >>> plain("  Arrêtez, s'il vous plaît!! ")
    'arretez sil vous plait'
    """
    folded = fold(_APOSTROPHES.sub("", text))
    if not folded.replace(" ", "").isalnum():  # most texts are words and nothing else
        folded = "".join(char if is_letter(char) else " " for char in folded)
    return " ".join(folded.split())


def unmasked(text: str) -> str:
    """Plain, with Latin letters for those that only look like them, and for digits and signs inside words.

    >>> unmasked("SТ0P"), unmasked("$top 2 texts")
    ('stop', 'stop 2 texts')
    """
    words = []
    for word in fold(_APOSTROPHES.sub("", text)).split():
        mixed = any(char.isalpha() for char in word)
        words.append(
            word.translate(_LOOKALIKES).translate(_DIGITS) if mixed and not is_unspaced(word) else word
        )
    return plain(" ".join(words))


def squeezed(text: str) -> str:
    """Every run of a letter once: ``stooooop`` and ``stopp`` are ``stop``."""
    return re.sub(r"([^\W\d_])\1+", r"\1", text)


def joined(text: str) -> str:
    """What was taken apart: ``s.t.o.p``, ``un-subscribe``, ``st op``."""
    return plain(_SEPARATORS.sub("", text)).replace(" ", "")


def is_near(word: str, other: str) -> bool:
    """Whether one slip makes one word of the other: a letter left out, added, exchanged, or two swapped."""
    if abs(len(word) - len(other)) > 1 or word == other:
        return word == other
    first = next((place for place, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), None)
    if first is None:
        return True
    rest, wanted = word[first:], other[first:]
    swapped = rest[:2] == wanted[1::-1] and rest[2:] == wanted[2:] and len(rest) > 1
    return swapped or rest[1:] == wanted[1:] or rest[1:] == wanted or rest == wanted[1:]


def is_near_any(word: str, others: Iterable[str]) -> bool:
    """``is_near`` with any of several words; in long ones two slips are one."""
    return any(is_near(word, other) or (len(other) >= 9 and _two_slips(word, other)) for other in others)


def _two_slips(word: str, other: str) -> bool:
    if abs(len(word) - len(other)) > 2 or len(word) < 7:
        return False
    shorter = (word[:place] + word[place + 1 :] for place in range(len(word)))
    return any(is_near(one, other) for one in shorter) or any(
        is_near(word, other[:place] + other[place + 1 :]) for place in range(len(other))
    )
