"""What people write back, and what it means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2pcli.rules.keywords import Meaning, Reply, classify

KEYWORDS = {
    Meaning.STOP: [
        "stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe", "stopall", "stop all", "optout", "opt-out",
        "remove", "arret",
    ],
    Meaning.START: ["start", "unstop"],
    Meaning.HELP: ["help", "info"],
    Meaning.YES: ["yes"],
}  # fmt: skip
EVERY = [(word, meaning) for meaning, words in KEYWORDS.items() for word in words]


def wide(text: str) -> str:
    """In full-width letters, as Japanese keyboards write them."""
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


@pytest.mark.parametrize(("word", "meaning"), EVERY)
@pytest.mark.parametrize(
    "written",
    [
        str.upper,
        str.title,
        lambda word: f"  {word}\n",
        lambda word: f"{word}.",
        lambda word: f'"{word}!!!"',
        lambda word: f"“{word}”",
        lambda word: f"🛑 {word} 🙏🏽",
        lambda word: f"\u202e{word}\u202c",
        lambda word: "\u200b".join(word),
        wide,
        lambda word: f"{word} {word} {word}" if " " not in word and "-" not in word else word,
    ],
    ids="upper title spaces stop quotes typographic emoji bidi zero-width full-width thrice".split(),  # noqa: SIM905
)
def test_a_keyword_is_known_however_it_is_written(word: str, meaning: Meaning, written: object) -> None:
    assert classify(written(word)) == Reply(meaning)  # type: ignore[operator]


@given(
    st.sampled_from(EVERY),
    st.text(alphabet=" .,!?;:()-–\t\n🙏👍\ufe0f\u200b\u200d\u2060\ufeff", max_size=6),
    st.text(alphabet=" .,!?;:()-–\t\n🙏👍\ufe0f\u200b\u200d\u2060\ufeff", max_size=6),
    st.booleans(),
)
def test_what_stands_around_a_keyword_changes_nothing(
    pair: tuple[str, Meaning], before: str, after: str, is_wide: bool
) -> None:
    word, meaning = pair
    assert classify(before + (wide(word) if is_wide else word) + after) == Reply(meaning)


@pytest.mark.parametrize("text", ["arrêt", "ARRÊT", "Arre\u0302t", "Stóp", "S T O P", "s.t.o.p"])
def test_accents_and_gaps_hide_no_stop(text: str) -> None:
    assert classify(text) == Reply(Meaning.STOP)


@pytest.mark.parametrize(
    "text",
    [
        "please stop texting me", "Pls stop", "STOP PLEASE", "stop it", "stop sending me these messages",
        "Don't text me", "do not contact me again", "dont message me ever", "take me off your list", "remove me",
        "please remove my number from your list", "unsubscribe me please", "no more texts", "leave me alone!!",
        "I want to unsubscribe", "i would like to opt out", "I don't want any more messages", "lose my number",
        "can you stop texting me?", "stopp", "St0p", "unsub", "cancle", "СТОП", "abmelden", "STOP HELP",
        "STOP\nSent from my iPhone", "Stop.\n\nAnn Smith", "no longer want these texts", "go away",
        "liked your stuff but please stop texting", "Liked “20% off” but please stop texting me",
    ],
)  # fmt: skip
def test_reasonable_wording_is_a_stop_that_a_person_reads(text: str) -> None:
    reply = classify(text)
    assert (reply.meaning, reply.flagged) == (Meaning.STOP, True)
    assert reply.why


@pytest.mark.parametrize(
    "text",
    [
        "don't stop the music", "can't stop laughing", "never stop texting me", "Please don't stop",
        "it won't stop raining", "is there a bus stop at yours?", "can I cancel my appointment", "the end date?",
        "Reply STOP to opt out", "wrong number", "not interested", "🛑", "✋🏻", "Liked “x” stop", "nonstop stop signs",
    ],
)  # fmt: skip
def test_what_only_may_be_a_stop_is_left_to_a_person(text: str) -> None:
    reply = classify(text)
    assert (reply.meaning, reply.flagged) == (Meaning.UNCLEAR, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "ok thanks",
        "2",
        "👍",
        "see you at the weekend",
        "What time?",
        "no",
        "yes please",
        "recommend it?",
    ],
)
def test_everything_else_is_nothing(text: str) -> None:
    assert classify(text) == Reply(Meaning.NONE)


@pytest.mark.parametrize(
    "verb", ["Liked", "Loved", "Disliked", "Laughed at", "Emphasized", "Emphasised", "Questioned"]
)
@pytest.mark.parametrize("quote", ["“{}”", '"{}"', "„{}“", "« {} »", "‘{}’", "“{}"])
@pytest.mark.parametrize(
    "body", ["STOP", "ACME: 20% off today. Reply STOP to opt out", "He said “hi”. Reply STOP to end"]
)
def test_a_reaction_that_quotes_our_own_stop_is_no_stop(verb: str, quote: str, body: str) -> None:
    """iPhones send a reaction as a text to whoever has none; the last quote mark may have been cut off."""
    assert classify(f"{verb} {quote.format(body)}").meaning is Meaning.NONE


@pytest.mark.parametrize(
    "text",
    [
        "Liked an image", "Loved a movie", "Removed a like from “Reply STOP”", "Removed a heart from “STOP”",
        "Removed an exclamation from “STOP”", "Reacted 😂 to “Reply STOP to opt out”", "Reacted ❤️ to “STOP”",
        "👍 to “Reply STOP”", "\u200a\u200b👍\u200b to “\u200aReply STOP\u200a”", "‼️ to “STOP”",
        "A aimé « Répondez STOP »", "Le gustó “STOP”", "N’a pas aimé « STOP au 36180 »",
    ],
)  # fmt: skip
def test_reactions_of_other_phones_and_languages_are_nothing(text: str) -> None:
    assert classify(text) == Reply(Meaning.NONE, why="a reaction that quotes a message")


@pytest.mark.parametrize(
    ("opted_out", "survey_open", "meaning"),
    [
        (True, False, Meaning.START),
        (True, True, Meaning.YES),
        (False, False, Meaning.YES),
        (False, True, Meaning.YES),
    ],
)
def test_yes_is_a_start_only_from_one_who_opted_out_and_answers_no_question(
    opted_out: bool, survey_open: bool, meaning: Meaning
) -> None:
    assert classify("Yes!", opted_out=opted_out, survey_open=survey_open) == Reply(meaning)


@given(st.text(max_size=60))
def test_a_stop_alone_in_the_first_line_is_never_lost(rest: str) -> None:
    """Whatever follows it."""
    assert classify(f"STOP\n{rest}").meaning is Meaning.STOP


@given(st.text(max_size=300))
def test_no_text_breaks_it_and_what_is_unclear_is_always_flagged(text: str) -> None:
    reply = classify(text)
    assert reply.flagged or reply.meaning is not Meaning.UNCLEAR
    assert reply.flagged <= bool(reply.why)


def test_a_long_text_takes_no_long_time() -> None:
    """What is looked at is bounded; without a bound this one would be quadratic."""
    assert classify("stop the " * 200_000).flagged
