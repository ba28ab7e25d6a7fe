"""The channels that have a block: what is made of it, and what ``check`` says of it.

A channel is added here, in ``config/campaign.py`` (its block) and in ``message_content.py`` (how people see it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from a2pcli.config.load import LoadedCampaign
from a2pcli.content import messenger, mms, rcs, telegram, viber
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem, Severity
from a2pcli.frame import Frame
from a2pcli.message_content import content_of
from a2pcli.planning.whatsapp_check import template_notes

Make: TypeAlias = (
    "Callable[[Mapping[str, Any], str, Mapping[str, Any]], tuple[Mapping[str, Any] | None, str | None]]"
)
"""Makes the content of a message from the block with rendered texts (None for an empty one), the message's text and
the result of ``given``. Returns the content (None if there is only text), and the text if it comes from markup.
Raises ``Unfit`` for a message that the channel would not accept."""


def _nothing_given(loaded: LoadedCampaign, problems: list[Problem]) -> Mapping[str, Any]:
    return {}


def _plain(block: Any) -> str | None:
    return None


def _nothing(loaded: LoadedCampaign, texts: Any, frame: Frame | None) -> Iterator[Problem]:
    return iter(())


def _only_text(block: Mapping[str, Any], body: str, given: Mapping[str, Any]) -> tuple[None, None]:
    return None, None


def _mms_problems(loaded: LoadedCampaign, texts: Any, frame: Frame | None) -> Iterator[Problem]:
    """Yield a warning for each type or size of file that not every phone takes, placed at the block's files."""
    told: set[str] = set()
    line, column = loaded.document.place(("mms", "media"), of="key")
    for content in frame["@content"].to_pylist() if frame is not None else ():
        for _, message, hint in mms.doubtful_files((content_of(content) or {}).get("media") or ()):
            if message not in told:
                told.add(message)
                yield Problem(message, loaded.document.path, line, column, hint, Severity.WARNING, "media")


@dataclass(frozen=True, slots=True)
class ContentKind:
    """How one channel's block is planned and checked.

    ``given`` loads what else ``make`` needs (files, definitions) in picklable form and reports its problems.
    ``markup`` returns the markup of a block's own text (see ``content.markup``). ``check`` reports what templates
    alone do not show, from the block (a ``BlockTexts``) and the frame made from the first contacts (None without
    contacts).
    """

    make: Make
    given: Callable[[LoadedCampaign, list[Problem]], Mapping[str, Any]] = _nothing_given
    markup: Callable[[Any], str | None] = _plain
    check: Callable[[LoadedCampaign, Any, Frame | None], Iterator[Problem]] = _nothing


KINDS: dict[str, ContentKind] = {
    "sms": ContentKind(_only_text),
    "mms": ContentKind(mms.made, check=_mms_problems),
    "telegram": ContentKind(telegram.made, markup=telegram.markup_of),
    "messenger": ContentKind(messenger.made),
    "viber": ContentKind(viber.made),
    "viber_business": ContentKind(viber.made_for_business),
    "whatsapp": ContentKind(_only_text, check=template_notes),
    "rcs": ContentKind(rcs.made),
}
