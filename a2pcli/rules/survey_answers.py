"""Reads what people answer to the questions of a survey: one of the options, a number, a step of a scale, a text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from a2pcli.config.surveys import END, bounds, reach
from a2pcli.rules.reply_text import plain, visible

if TYPE_CHECKING:
    from a2pcli.config.surveys import LoadedSurvey, Question

_POLITE = re.compile(r"(?<!\S)(please|pls|thanks|thank you|thx|ty)(?!\S)")
_WORDS = {
    word: str(number)
    for number, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    )
}
_NUMBER = re.compile(r"([-+]?)(\d{1,15})(?:[.,](\d{1,6}))?")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:[,.]\d{3})+")
_AFTER = re.compile(
    r"\s*(?:stars?|points?|/\s*(?P<of>\d+)|out of (?P<outof>\d+))?\s*[.!)]*\s*", re.IGNORECASE
)


def understood(question: Question, text: str) -> str | None:
    """Return the answer that a reply is, in one spelling: the option as the file has it, the number, the text; None if
    it is no answer to this question."""
    if question.kind == "choice":
        return _option(question, text)
    if question.kind == "text":
        said = " ".join(text.split())
        return text.strip()[: question.longest] if said else None
    return _number(question, text)


def option_words(question: Question) -> Iterator[tuple[str, str]]:
    """Each word that means an option, plain, and the option. The place counts unless a word is a number itself."""
    words = [(_plain(word), label) for label, others in question.options.items() for word in (label, *others)]
    yield from words
    if not any(word.isdigit() for word, _ in words):
        yield from ((str(place), label) for place, label in enumerate(question.options, 1))


def _plain(text: str) -> str:
    """Plain words; of a text without words, such as an emoji, what is seen."""
    return plain(visible(text)) or visible(text).strip()


def _option(question: Question, text: str) -> str | None:
    words = dict(option_words(question))
    said = _plain(text)
    return words.get(said) or words.get(" ".join(_POLITE.sub(" ", said).split()))


def _number(question: Question, text: str) -> str | None:
    said = visible(text).strip()
    for word, digits in _WORDS.items():
        said = re.sub(rf"^{word}(?!\w)", digits, said, flags=re.IGNORECASE)
    said = " ".join(_POLITE.sub(" ", said.casefold()).split())
    said = said.rstrip(",;")
    least, most = bounds(question)
    whole = question.whole or question.kind == "scale"
    thousands = _THOUSANDS.match(said)
    if thousands is not None and not said[thousands.end() : thousands.end() + 1].isdigit():
        if not whole:
            return None  # 1,000 may be one or a thousand
        said = re.sub(r"[.,]", "", thousands[0]) + said[thousands.end() :]
    found = _NUMBER.match(said)
    if found is None:
        return None
    after = _AFTER.fullmatch(said[found.end() :])
    if after is None:
        return None
    of = after["of"] or after["outof"]
    if of is not None and (most is None or float(of) != most):
        return None
    sign = "-" if found[1] == "-" else ""
    fraction = (found[3] or "").rstrip("0")
    if whole and fraction:
        return None
    digits = found[2].lstrip("0") or "0"
    value = f"{sign}{digits}{'.' + fraction if fraction else ''}"
    value = "0" if value == "-0" else value
    number = float(value)
    if (least is not None and number < least) or (most is not None and number > most):
        return None
    return value


def following(loaded: LoadedSurvey, name: str, value: str) -> str | None:
    """Return the question that comes after this answer; None if the survey is over."""
    question = loaded.survey.questions[name]
    names = list(loaded.survey.questions)
    to = _led(question, value)
    if to is None:
        place = names.index(name) + 1
        return names[place] if place < len(names) else None
    return None if to == END else to


def _led(question: Question, value: str) -> str | None:
    for key, to in question.go_to.items():
        if key in ("*", "other"):
            continue
        if question.kind == "choice":
            if key.casefold() == value.casefold():
                return to
        elif (span := reach(key)) is not None and span[0] <= float(value) <= span[1]:
            return to
    return question.go_to.get("*") or question.go_to.get("other")


def hint_of(question: Question) -> str:
    """A sentence that says what can be answered, in English."""
    if question.kind == "choice":
        labels = list(question.options)
        return f"Please reply {', '.join(labels[:-1])} or {labels[-1]}."
    least, most = bounds(question)
    what = "a whole number" if question.whole or question.kind == "scale" else "a number"
    if least is not None and most is not None:
        return f"Please reply with {what} from {least:g} to {most:g}."
    if least is not None:
        return f"Please reply with {what} of at least {least:g}."
    if most is not None:
        return f"Please reply with {what} of at most {most:g}."
    return f"Please reply with {what}." if question.kind != "text" else "Please reply with a few words."
