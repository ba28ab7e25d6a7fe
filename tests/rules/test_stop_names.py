"""``STOP NEWS``: a programme's name after STOP ends that programme alone; what is unclear is taken for everything."""

from __future__ import annotations

import pytest

from a2pcli.rules.keywords import Meaning, Reply, classify

PROGRAMMES = {
    "news": "news",
    "spring sale": "spring-sale",
    "offers": "offers",
    "offres": "offers",
    "all": "all",
}


def said(text: str) -> Reply:
    return classify(text, programmes=lambda: PROGRAMMES)


@pytest.mark.parametrize(
    ("text", "programme"),
    [
        ("STOP NEWS", "news"), ("stop news!", "news"), ("Stop: News", "news"), ("STOP - NEWS 🙏", "news"),
        ("STOP the news please", "news"), ("unsubscribe from news", "news"), ("STOP NEWS messages", "news"),
        ("Opt out of Spring Sale", "spring-sale"), ("STOP SPRINGSALE", "spring-sale"),
        ("STOP spring-sale", "spring-sale"), ("stop “news”", "news"), ("ARRET offres", "offers"),
        ("ＳＴＯＰ ＮＥＷＳ", "news"),
        ("STOP OFFERS alerts pls", "offers"), ("cancel news", "news"), ("abmelden von news", "news"),
    ],
)  # fmt: skip
def test_a_programme_after_stop_is_the_only_one_that_ends(text: str, programme: str) -> None:
    assert said(text) == Reply(Meaning.STOP, programme=programme)


@pytest.mark.parametrize(
    "text",
    [
        "STOP",
        "Stop.",
        "STOP ALL",
        "stopall",
        "STOP STOP",
        "Stop. Thank you",
        "STOP.\nNews",
        "Stop! News",
        "STOP ALL NEWS",
    ],
)
def test_a_stop_that_names_nothing_is_for_everything(text: str) -> None:
    assert (said(text).meaning, said(text).programme) == (Meaning.STOP, None)


@pytest.mark.parametrize(
    "text", ["STOP NWES", "stop Neuigkeiten", "STOP the horoscopes", "unsubscribe weather"]
)
def test_a_name_that_nobody_knows_is_taken_for_everything_and_read_by_a_person(text: str) -> None:
    reply = said(text)
    assert (reply.meaning, reply.flagged, reply.programme) == (Meaning.STOP, True, None)
    assert "a name that is no programme" in reply.why
    assert "taken for all messages" in reply.why


@pytest.mark.parametrize(
    "text", ["STOP NEWS and OFFERS", "stop news, offers", "STOP news & spring sale please"]
)
def test_several_programmes_are_taken_for_everything(text: str) -> None:
    reply = said(text)
    assert (reply.meaning, reply.programme) == (Meaning.STOP, None)
    assert "of more than one programme" in reply.why


@pytest.mark.parametrize(
    "text",
    [
        "we have got to stop this terrible bill", "don't stop the news", "stop by the shop tomorrow",
        "can I cancel my appointment", "Stop by", "stop signs", "is there news about the bus stop?",
    ],
)  # fmt: skip
def test_what_is_no_stop_with_a_name_goes_to_a_person_as_before(text: str) -> None:
    assert said(text).meaning in (Meaning.UNCLEAR, Meaning.NONE)


def test_the_programmes_are_asked_for_only_after_a_keyword() -> None:
    def never() -> dict[str, str]:
        raise AssertionError

    for text in ("hello", "STOP", "what is new?", "yes", "Stop. Thank you"):
        classify(text, programmes=never)
