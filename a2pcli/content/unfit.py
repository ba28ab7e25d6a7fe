"""The error for content that cannot be made, with the reason why its row is excluded."""

from __future__ import annotations

from a2pcli.reasons import Reason


class Unfit(ValueError):
    """A message that its channel would not take. ``str()`` is a sentence for the row's detail."""

    def __init__(self, sentence: str, reason: Reason = Reason.TEMPLATE_ERROR) -> None:
        super().__init__(sentence)
        self.reason = reason
