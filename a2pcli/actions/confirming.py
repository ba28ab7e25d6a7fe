"""What is answered to STOP, START and HELP: whether a2pcli does it for a gateway, and the text for a person."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from a2pcli.errors import InvalidInput, Problem, Severity
from a2pcli.gateway_types import CONFIRM_THEMSELVES
from a2pcli.rules.confirmations import HELP, KINDS, START, STOP, VARIABLES, default_text, language_of

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedSettings
    from a2pcli.content.templates import MessageTemplate

__all__ = ["HELP", "KINDS", "START", "STOP", "ConfirmationTexts"]

_OF_HELP = ("name", "how_often", "contact")
"""What an answer to HELP must say (CTIA)."""


class ConfirmationTexts:
    """The texts in the settings, compiled; the usual ones where there are none. Raises ``InvalidInput`` with every
    problem, each at its place."""

    def __init__(self, settings: LoadedSettings) -> None:
        self._settings = settings
        self._own: dict[tuple[str, str], MessageTemplate] = {}
        self._usual: dict[tuple[str, str], MessageTemplate] = {}
        problems: list[Problem] = []
        for kind in KINDS:
            for language, text in getattr(self._block, kind).items():
                try:
                    self._own[kind, language] = self._compiled(
                        text, ("replies", "confirmations", kind, language)
                    )
                except InvalidInput as error:
                    problems += error.problems
        if problems:
            raise InvalidInput(*problems)

    @property
    def _block(self):  # type: ignore[no-untyped-def]
        return self._settings.settings.replies.confirmations

    def sends(self, gateway: str) -> bool:
        """Whether a2pcli confirms what comes by this gateway, so that nobody gets two confirmations."""
        block = self._block
        if block.send == "never":
            return False
        own: bool | None = block.gateways.get(gateway)
        if own is not None or block.send == "always":
            return own is not False
        return self._type_of(gateway) not in CONFIRM_THEMSELVES

    def _type_of(self, gateway: str) -> str:
        return str(self._settings.settings.gateways.get(gateway, {}).get("type") or gateway)

    def text(
        self,
        kind: str,
        country: str | None,
        *,
        programme: str | None = None,
        scope: str = "",
        sender: str | None = None,
    ) -> str | None:
        """Return the text for a person in a country; None for HELP while the settings do not say what it must.

        ``programme`` is that of the newest message to the person; ``scope`` ("programme", "sender") what a STOP was
        for, if not everything.
        """
        values = self._values(programme)
        if kind == HELP and any(not values.get(name) for name in _OF_HELP):
            return None
        if kind != HELP:
            values.pop("programme", None)
            if scope == "programme" and programme:
                values["programme"] = self._title(programme)
            elif scope == "sender" and sender:
                values["sender"] = sender
        return self._template(kind, self.language(country)).render(values)

    def language(self, country: str | None) -> str:
        """The language for a country."""
        block = self._block
        named: str | None = block.languages.get(country) if country else None
        return (
            named
            or language_of(country)
            or block.language
            or self._settings.settings.locale.partition("_")[0][:2]
        )

    def _values(self, programme: str | None) -> dict[str, str]:
        block = self._block
        own = self._settings.settings.programmes.get(programme or "")
        found = {
            "name": (own and own.title) or block.name,
            "contact": (own and own.contact) or block.contact,
            "how_often": (own and own.how_often) or block.how_often,
            "programme": self._title(programme) if programme else None,
        }
        return {
            name: value.rstrip(".") if name == "how_often" else value
            for name, value in found.items()
            if value
        }

    def _title(self, programme: str) -> str:
        own = self._settings.settings.programmes.get(programme)
        return (own.title if own else None) or programme

    def _template(self, kind: str, language: str) -> MessageTemplate:
        for key in ((kind, language), (kind, "*")):
            if key in self._own:
                return self._own[key]
        if (kind, language) not in self._usual:
            self._usual[kind, language] = self._compiled(default_text(kind, language), None)
        return self._usual[kind, language]

    def _compiled(self, text: str, loc: tuple[str, ...] | None) -> MessageTemplate:
        from a2pcli.content.sources import SourcePlace
        from a2pcli.content.templates import compile_template

        place, document = SourcePlace(), self._settings.document
        if loc is not None and document is not None:
            if not document.has(loc):
                loc = loc[:-1]  # one text for every language
            place = SourcePlace.of(document, loc)
        return compile_template(text, where=place, locale=self._settings.settings.locale, known=VARIABLES)

    @cached_property
    def warnings(self) -> tuple[Problem, ...]:
        """Why HELP is not answered, if it is not."""
        values = self._values(None)
        missing = [name for name in _OF_HELP if not values.get(name)]
        if (
            not missing
            or self._block.send == "never"
            or not any(map(self.sends, self._settings.settings.gateways))
        ):
            return ()
        if (
            all(self._answers_help(name) for name in self._settings.settings.programmes)
            and self._settings.settings.programmes
        ):
            return ()
        words = [_WORDS[name] for name in missing]
        told = " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
        text = f"HELP is not answered: the settings do not say {told}"
        hint = f"set {', '.join(f'`{name}`' for name in missing)} under `replies: confirmations:`"
        problem = self._settings.problem(text, ("replies",), hint=hint, code="help-answer")
        from dataclasses import replace

        return (replace(problem, severity=Severity.WARNING),)

    def _answers_help(self, programme: str) -> bool:
        values: Mapping[str, str] = self._values(programme)
        return all(values.get(name) for name in _OF_HELP)


_WORDS = {"name": "who you are", "how_often": "how often you write", "contact": "where people get help"}
