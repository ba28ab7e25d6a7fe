"""Exit codes: what cron and scripts may rely on. Each one is pinned by a test and listed in docs/reference.md."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """The one place that gives a number to the way a command ended."""

    OK = 0
    """Success: nothing left to send, or the rest is held until permitted hours."""
    INTERNAL = 1
    """Bug in a2pcli."""
    USAGE = 2
    """Invalid command line."""
    INVALID = 3
    """Invalid file: campaign, settings, contacts, rate card; or a damaged ledger."""
    FINISHED_WITH_FAILURES = 4
    """Some messages were rejected or are unknown; or nothing is left to send, but some rows cannot be messaged."""
    GATEWAY = 5
    """The gateway is unavailable; the run is paused and can be resumed."""
    REFUSED = 6
    """Over budget, or not confirmed."""
    BUSY = 7
    """Another process is sending this run."""
    LEDGER_UNAVAILABLE = 8
    """The ledger or the disk is unavailable; run the same command again."""
    INTERRUPTED = 130
    """Interrupted with Ctrl-C."""
    OUTPUT_CLOSED = 141
    """The output was closed early (`| head`)."""
