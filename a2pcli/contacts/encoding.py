"""Which character encoding a text file is in, and the file as a stream of UTF-8 whatever it is."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from a2pcli.contacts.code_pages import WINDOWS_1252, is_doubtful, readings, tokens
from a2pcli.contacts.source import Source
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem, Severity

BLOCK = 1 << 20
"""Bytes read at a time: enough that the cost of a block does not count, little enough to keep memory flat."""
DAMAGED = "\ufdd0"
"""Stands for bytes that are no text in the file's encoding (a code point that no text may use)."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_ALIASES = {
    "ansi": "cp1252",
    "windows": "cp1252",
    "excel": "cp1252",
    "unicode": "utf-16",
    "utf8-sig": "utf-8",
}
_ESCAPED = re.compile("[\udc80-\udcff]")
_ENOUGH_EVIDENCE = 50_000


@dataclass(frozen=True, slots=True)
class TextEncoding:
    """``name`` is a Python codec; ``bom`` the bytes to skip. ``damaged``: some bytes are not text in it.

    ``example`` is a word, and its line, that shows whether a guess was right; ``doubtful``: it shows that it may be
    wrong. ``mixed`` is a word, and its line, that is UTF-8 in a file that is not."""

    name: str
    guessed: bool = False
    bom: int = 0
    damaged: bool = False
    example: tuple[bytes, int] | None = None
    doubtful: bool = False
    mixed: tuple[bytes, int] | None = None


def detect(source: Source, declared: str | None) -> TextEncoding:
    """The encoding: as declared, else by byte order mark, else UTF-8 if all of the file is, else Windows-1252.

    Reads the whole file once, unless a mark tells (8 ms for 10 MB of ASCII). Raises InvalidInput for an encoding
    that does not exist and for a file that is not text.
    """
    if declared is not None:
        return _declared(source, declared)
    for mark, name in _BOMS:
        if source.head.startswith(mark):
            damaged = name != "utf-8" or not _is_utf8(source)
            return TextEncoding(name, bom=len(mark), damaged=damaged)
    wide = _without_mark(source.head)
    if wide:
        return TextEncoding(wide, damaged=True)  # whether it is shows when it is read
    _refuse_binary(source)
    if _is_utf8(source):
        return TextEncoding("utf-8")
    return _not_utf8(source)


def utf8_blocks(source: Source, encoding: TextEncoding, first: int = BLOCK) -> Iterator[bytes]:
    """The file's text as UTF-8 in blocks of about 8 MB (the first one of ``first`` bytes), without its mark."""
    size = first
    plain = encoding.name == "utf-8" and not encoding.damaged
    decoder = None if plain else _decoder(encoding.name)
    with source.open() as stream:
        stream.seek(encoding.bom)
        while block := stream.read(size):
            size = BLOCK
            if decoder is None:
                yield block
            else:
                yield decoder.decode(block).encode("utf-8")
        if decoder is not None:
            yield decoder.decode(b"", final=True).encode("utf-8")


class _Windows1252Decoder(codecs.IncrementalDecoder):
    def decode(self, data: bytes, final: bool = False) -> str:  # type: ignore[override]
        return codecs.charmap_decode(data, "strict", WINDOWS_1252)[0]


def _decoder(name: str) -> codecs.IncrementalDecoder:
    if name == "cp1252":
        return _Windows1252Decoder()
    return codecs.getincrementaldecoder(name)("a2pcli-mark")


def _mark_damage(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return DAMAGED, error.end


codecs.register_error("a2pcli-mark", _mark_damage)


def _declared(source: Source, declared: str) -> TextEncoding:
    wanted = declared.strip().lower().replace("_", "-")
    try:
        codec = codecs.lookup(_ALIASES.get(wanted, wanted))
    except LookupError:
        codec = None
    if codec is None or not getattr(codec, "_is_text_encoding", True):
        raise source.problem(
            f"'{declared}' is not an encoding",
            hint="for example utf-8, cp1252, latin-1, utf-16",
            code="bad-encoding",
        )
    name = {"utf-8-sig": "utf-8"}.get(codec.name, codec.name)
    for mark, marked in _BOMS:
        if source.head.startswith(mark) and marked.startswith(name):
            return TextEncoding(marked, bom=len(mark), damaged=marked != "utf-8" or not _is_utf8(source))
    if name == "utf-8":
        return TextEncoding(name, damaged=not _is_utf8(source))
    name = {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(name, name)
    return TextEncoding(name, damaged=name not in ("cp1252", "iso8859-1"))


def _without_mark(head: bytes) -> str | None:
    """UTF-16 without a mark, where it is obvious: every other byte of ASCII characters is NUL."""
    pairs = len(head) // 2
    if pairs < 2:
        return None
    low, high = head[0 : pairs * 2 : 2].count(0), head[1 : pairs * 2 : 2].count(0)
    for name, nul, other in (("utf-16-le", high, low), ("utf-16-be", low, high)):
        if nul >= pairs * 0.1 and other <= nul * 0.02:
            text = head[: pairs * 2].decode(name, "replace")
            strange = sum(character < " " and character not in "\t\r\n" for character in text)
            if strange <= len(text) * 0.01 and any(break_ in text for break_ in "\r\n"):
                return name
    return None


_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\r\x0b\x0c\x1a\x1b\x1c\x1d\x1e\x1f")


def _refuse_binary(source: Source) -> None:
    """Text has hardly any control characters; a few NULs, or a tail of them after a crash, are still text.

    What is UTF-8 and has no NUL is text, whatever its other characters.
    """
    head = source.head.rstrip(b"\0")
    with suppress(UnicodeDecodeError):
        if b"\0" not in head and codecs.getincrementaldecoder("utf-8")().decode(head):
            return
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if not head or controls > max(2, len(head) * 0.05):
        raise source.problem(
            "this is not a text file", hint="contacts are CSV, .xlsx, .parquet or .jsonl", code="not-a-table"
        )


def _is_utf8(source: Source) -> bool:
    left = b""
    with source.open() as stream:
        while block := stream.read(BLOCK):
            if not left and block.isascii():
                continue
            block = left + block
            whole = _whole_characters(block)
            left = block[whole:]
            if not _valid_utf8(block[:whole]):
                return False
    return not left


def _whole_characters(block: bytes) -> int:
    """How many bytes come before a character that the end of the block cuts through; all where it cuts none."""
    for back in range(1, min(4, len(block) + 1)):
        byte = block[-back]
        if byte >= 0xC0:
            size = 2 + (byte >= 0xE0) + (byte >= 0xF0)
            return len(block) - (back if back < size else 0)
        if byte < 0x80:
            break
    return len(block)


def _valid_utf8(text: bytes) -> bool:
    """Whether Python could decode it; Arrow looks at it in a tenth of the time, and makes no text of it."""
    import pyarrow as pa

    offsets = pa.array([0, len(text)], pa.int32()).buffers()[1]
    try:
        pa.StringArray.from_buffers(1, offsets, pa.py_buffer(text)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def encoding_notes(source: Source, encoding: TextEncoding) -> list[Problem]:
    """Warnings: a guess, with a word to judge it by; bytes that are no text."""
    if encoding.guessed:
        message = f"not UTF-8; read as Windows-1252, which is a guess{_sample(encoding)}"
        hint = (
            "if the text looks right, confirm it with `contacts: {encoding: cp1252}`; otherwise set the"
            " right encoding there"
        )
        guess = _problem(source, message, hint, Severity.WARNING, "guessed-encoding")
        return [guess, *_mixed_notes(source, encoding)]
    if encoding.damaged and encoding.example:
        message = "UTF-8 with some invalid bytes; the first are here"
        note = _problem(source, message, None, Severity.WARNING, "damaged-encoding")
        return [replace(note, line=encoding.example[1])]
    return []


def _mixed_notes(source: Source, encoding: TextEncoding) -> list[Problem]:
    """A warning about the first line that is in UTF-8, as after two exports were joined."""
    if encoding.mixed is None:
        return []
    word, line = encoding.mixed
    read, meant = (word.decode(name, "replace")[:24] for name in (encoding.name, "utf-8"))
    message = (
        f"this line is UTF-8 and others are not: '{read}' is probably '{meant}', here and in lines like it"
    )
    hint = "save the whole file as UTF-8, and check its names"
    note = _problem(source, message, hint, Severity.WARNING, "mixed-encoding")
    return [replace(note, line=line)]


def encoding_questions(source: Source, encoding: TextEncoding) -> list[Problem]:
    """An error where the guess does not read like words: whose names would be wrong a person has to see."""
    if not encoding.doubtful:
        return []
    message = f"the file is not UTF-8, and does not look like Windows-1252{_sample(encoding)}"
    likely = readings(encoding.example[0]) if encoding.example else []
    pages = [name for _, name in likely] or ["cp850"]
    others = "".join(f", {name}" for name in pages[1:])
    hint = (
        f"set the encoding: `contacts: {{encoding: {pages[0]}}}`{others}, or cp1252 if the text looks right"
    )
    return [_problem(source, message, hint, Severity.ERROR, "guessed-encoding")]


def _problem(source: Source, message: str, hint: str | None, severity: Severity, code: str) -> Problem:
    return Problem(message, path=source.name, hint=hint, severity=severity, code=code)


def _sample(encoding: TextEncoding) -> str:
    if encoding.example is None:
        return ""
    word, line = encoding.example
    others = [f"'{text}' in {name}" for text, name in readings(word)] if encoding.doubtful else []
    also = f" ({', '.join(others)})" if others else ""
    return f": line {line} has '{codecs.charmap_decode(word, 'strict', WINDOWS_1252)[0][:24]}'{also}"


def _not_utf8(source: Source) -> TextEncoding:
    """Windows-1252, or UTF-8 with some damage: whichever the bytes beyond ASCII speak for."""
    right = wrong = 0
    first: tuple[bytes, int] | None = None
    odd: tuple[bytes, int] | None = None
    mixed: tuple[bytes, int] | None = None
    for line, text in enumerate(_lines(source), 1):
        if text.isascii():
            continue
        read = text.decode("utf-8", "surrogateescape")
        bad = len(_ESCAPED.findall(read))
        wrong += bad
        right += sum(character >= "\x80" for character in read) - bad
        if not bad and mixed is None and (words := tokens(text)):
            mixed = (words[0], line)
        if bad and odd is None:
            words = tokens(text)
            first = first or (words[0] if words else b"", line)
            odd = next(((word, line) for word in words if is_doubtful(word, text)), None)
        if right + wrong > _ENOUGH_EVIDENCE:
            break
    if right >= wrong:  # Windows-1252 text hardly ever looks like UTF-8, not even once
        return TextEncoding("utf-8", damaged=True, example=first)
    return TextEncoding("cp1252", guessed=True, example=odd or first, doubtful=odd is not None, mixed=mixed)


def _lines(source: Source) -> Iterator[bytes]:
    """The lines of a file, whatever breaks them; of a very long one only the end."""
    left = b""
    with source.open() as stream:
        while block := stream.read(BLOCK):
            *lines, left = (left + block).splitlines(keepends=True)
            yield from lines
            if len(left) > BLOCK:
                left = left[-1000:]
    if left:
        yield left
