"""Which of a run's messages a shared pace or a quota limits: those of a sender, of channels, or of gateways."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from a2pcli.messages import Message


class Limit:
    """What ``SharedPace`` and ``SharedQuota`` have in common. Their fields ``sender``, ``channels`` and ``via`` (the
    gateways of a route) each limit it to some of the run's messages; None for all."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def sender(self) -> str | None:
            """The sender it limits."""
            ...

        @property
        def channels(self) -> frozenset[str] | None:
            """The channels it limits."""
            ...

        @property
        def via(self) -> frozenset[str] | None:
            """The gateways of a route that it limits."""
            ...

    @property
    def is_everybodys(self) -> bool:
        """Whether it limits every message of the run."""
        return self.sender is None and self.channels is None and self.via is None

    def binds(self, message: Message, gateway: str | None) -> bool:
        """Whether it limits this message, which goes by ``gateway`` if a route has chosen one."""
        if self.channels is not None and message.channel not in self.channels:
            return False
        if self.via is not None and gateway not in self.via:
            return False
        return self.sender is None or self.sender == message.sender

    def binds_all(self, gateway: str, channels: Set[str]) -> bool:
        """Whether it limits every message that this gateway is given, which sends these channels."""
        mine = self.sender is None and (self.via is None or gateway in self.via)
        return mine and (self.channels is None or self.channels >= channels)
