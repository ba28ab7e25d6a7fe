"""What decides which rules concern a message."""

from __future__ import annotations

from typing import Protocol


class About(Protocol):
    """The properties of a run, real or planned, that decide which rules apply to a message."""

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
        """The run's sender; None if rows have their own, or the gateway chooses."""
        ...

    @property
    def purpose(self) -> str | None:
        """The purpose: marketing, transactional, otp or emergency."""
        ...

    @property
    def programme(self) -> str | None:
        """The programme people subscribe to."""
        ...

    @property
    def subject(self) -> str | None:
        """The subject, for caps that count by subject."""
        ...
