"""People who follow their unsubscribe link: looking at it changes nothing, and confirming it suppresses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from a2pcli.actions.audit import About, recorded
from a2pcli.actions.optouts import EVERYTHING, Scope
from a2pcli.addresses.kinds import masked
from a2pcli.content.unsubscribe_links import PATH as PATH
from a2pcli.content.unsubscribe_links import Leaving, Tokens, programme_mark
from a2pcli.dataclass import dataclass
from a2pcli.ledger.records import now_ms

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.store import Ledger

SOURCE = "unsubscribe link"


@dataclass(frozen=True, slots=True)
class Unsubscription:
    """Who leaves what. ``shown`` is the address as it may be shown, ``title`` what people call the programme ("" for
    everything); ``is_out``: messages are kept away already."""

    shown: str
    scope: Scope
    title: str
    is_out: bool


class UnsubscribeDesk:
    """Reads the links of a ledger and acts on them."""

    def __init__(self, ledger: Ledger, settings: LoadedSettings, secret: bytes) -> None:
        self._ledger, self._settings = ledger, settings
        self._tokens = Tokens(secret)

    def is_valid(self, token: str) -> bool:
        """Whether the token was made with this ledger's secret. Asks no database."""
        return self._tokens.read(token) is not None

    def look(self, token: str) -> Unsubscription | None:
        """What a link is for, and how it stands; None for what is no link. Changes nothing."""
        leaving = self._tokens.read(token)
        if leaving is None:
            return None
        scope = self._scope(leaving)
        return Unsubscription(
            masked(leaving.address), scope, self._title(scope), self._is_out(leaving.address, scope)
        )

    def leave(self, token: str, how: str) -> Unsubscription | None:
        """Suppress the person of a link in its programme; a second time changes nothing. None for what is no link.

        ``how`` is kept as the reason. Erased people stay as they are: they get no messages. Audit: ``optout.link``.
        """
        leaving = self._tokens.read(token)
        if leaving is None:
            return None
        scope, is_new = self._scope(leaving), False

        def about() -> About | None:
            detail = {"scope": scope.words, "by": how}
            return About(detail=detail, people=[leaving.address]) if is_new else None

        with recorded(self._ledger, "optout.link", about):
            is_new = self._ledger.optouts.add(
                leaving.address,
                scope=scope.kind,
                scope_value=scope.value,
                source=SOURCE,
                reason=how,
            )
        return Unsubscription(masked(leaving.address), scope, self._title(scope), True)

    def _scope(self, leaving: Leaving) -> Scope:
        """What a person leaves. Everything, if nothing here knows the programme: a no must not be lost."""
        if leaving.programme is None:
            return EVERYTHING
        settings = self._settings.settings
        known = {*settings.programmes, *filter(None, [settings.programme]), *self._ledger.runs.programmes()}
        named = sorted(name for name in known if programme_mark(name) == leaving.programme)
        return Scope("programme", named[0]) if named else EVERYTHING

    def _title(self, scope: Scope) -> str:
        found = self._settings.settings.programmes.get(scope.value)
        return (found.title if found else None) or scope.value

    def _is_out(self, address: str, scope: Scope) -> bool:
        now = now_ms()
        holding = (Scope.of(one).key for one in self._ledger.optouts.of(address) if one.holds(now))
        return not {EVERYTHING.key, scope.key}.isdisjoint(holding)


def unsubscribe_desk(ledger: Ledger, settings: LoadedSettings) -> UnsubscribeDesk | None:
    """The desk of a ledger; None if it has no secret: one on a server needs ``A2PCLI_ERASURE_KEY``."""
    secret = ledger.people.link_secret(create=True)
    return None if secret is None else UnsubscribeDesk(ledger, settings, secret)
