"""What decides which rules concern a message."""

from __future__ import annotations

from typing import Protocol


class About(Protocol):
    """What decides which rules concern a message: of a run, or of one that could be made."""

    @property
    def campaign(self) -> str:
        """The campaign's name."""
        ...

    @property
    def gateway(self) -> str:
        """The gateway's name in the settings."""
        ...

    @property
    def channel(self) -> str:
        """The channel: sms, email, …"""
        ...

    @property
    def sender(self) -> str | None:
        """The run's own; None where rows have theirs, or the gateway chooses."""
        ...

    @property
    def purpose(self) -> str | None:
        """The purpose: marketing, transactional, otp or emergency."""
        ...

    @property
    def programme(self) -> str | None:
        """What people sign up for and leave."""
        ...

    @property
    def subject(self) -> str | None:
        """The subject, for caps that count by subject."""
        ...
