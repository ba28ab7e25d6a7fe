"""Words and patterns that a text may mention: forbidden topics, and asking for a person."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from a2pcli.dataclass import dataclass
from a2pcli.rules.reply_text import is_unspaced, plain, visible

WORDS_FOR_A_PERSON = (
    *("human", "real person", "a person", "someone real", "representative", "operator", "customer service"),
    *("agent", "live agent", "talk to somebody", "talk to someone", "speak to somebody", "speak to someone"),
    *(
        "Mitarbeiter",
        "Mitarbeiterin",
        "Mensch",
        "Menschen",
        "Kundenberater",
        "Kundendienst",
        "Sachbearbeiter",
    ),
    *("humain", "conseiller", "conseillère", "une personne", "opérateur", "un agent", "quelqu'un"),
    *("humano", "agente", "operador", "una persona", "asesor", "atención al cliente"),
    *("umano", "operatore", "assistenza clienti"),
    *("atendente", "uma pessoa", "medewerker", "een mens", "klantenservice", "człowiek", "człowiekiem"),
    *(
        "konsultant",
        "konsultantem",
        "människa",
        "menneske",
        "medarbejder",
        "kundeservice",
        "ihminen",
        "ihmiselle",
    ),
    *("оператор", "оператора", "человек", "человеком", "temsilci", "müşteri temsilcisi"),
    *("人工", "客服", "オペレーター", "担当者", "상담원", "موظف", "נציג"),
)
"""Words by which people ask for a person instead of a machine; in doubt a person is better."""
NO_MORE_MESSAGES = (
    *("unsubscribed", "opted out", "opted you out", "removed from our list", "removed from the list"),
    *("removed you from", "removed your number", "no more messages", "no more texts", "no longer receive"),
    *(
        "no longer get",
        "not receive any more",
        "not get any more",
        "wont receive any more",
        "wont get any more",
    ),
    *(
        "stop sending you",
        "stop messaging you",
        "stop texting you",
        "not message you again",
        "not text you again",
    ),
    *("abgemeldet", "ausgetragen", "keine SMS mehr", "keine Nachrichten mehr"),
    *("désinscrit", "désinscrite", "désabonné", "désabonnée", "plus de messages", "plus de SMS"),
    *("dado de baja", "dada de baja", "no recibirás más", "no recibirá más", "más mensajes"),
    *("disiscritto", "disiscritta", "cancellato dalla lista", "non riceverai più", "non riceverà più"),
    *(
        "afgemeld",
        "uitgeschreven",
        "geen berichten meer",
        "descadastrado",
        "não receberá mais",
        "removido da lista",
    ),
    *("wypisany", "wypisana", "nie otrzymasz", "отписаны", "отписали", "больше не будете получать"),
)
"""Words by which a bot says that somebody gets no more messages: it cannot see to that, so a person has to."""
WINDOW, OVERLAP = 4_000, 500
"""Characters that patterns look at together, so that none takes long: a longer text is looked at piece by piece."""


@dataclass(frozen=True, slots=True)
class Topics:
    """Words, in any case and without accents, and patterns between slashes."""

    words: tuple[tuple[str, str], ...]
    patterns: tuple[tuple[re.Pattern[str], str], ...]

    @staticmethod
    def of(topics: Sequence[str]) -> Topics:
        """Topics as they are written in a file; patterns were checked there."""
        patterns = [one for one in topics if len(one) > 2 and one.startswith("/") and one.endswith("/")]
        words = ((plain(visible(one)), one) for one in topics if one not in patterns)
        return Topics(
            tuple((said, one) for said, one in words if said),
            tuple((re.compile(one[1:-1], re.IGNORECASE), one) for one in patterns),
        )

    def mentioned(self, text: str) -> str | None:
        """Return the first topic that a text mentions, as it was written; None without one.

        >>> Topics.of(["refund", "/card\\\\s?number/"]).mentioned("A REFUND, please!")
        'refund'
        """
        seen = visible(text)
        said = f" {plain(seen)} "
        for word, typed in self.words:
            if (word in said) if is_unspaced(word) else (f" {word} " in said):
                return typed
        for pattern, typed in self.patterns:
            if any(pattern.search(piece) for whole in (seen, text) for piece in _pieces(whole)):
                return typed
        return None


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, max(len(text) - OVERLAP, 1), WINDOW - OVERLAP):
        yield text[start : start + WINDOW]
