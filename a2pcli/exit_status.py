"""Exit codes: what cron and scripts may rely on. Each one is pinned by a test and listed in the README."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """The one place that gives a number to the way a command ended."""

    OK = 0
    """Nothing left to do, or only messages that wait for their hour."""
    INTERNAL = 1
    """A defect in a2pcli itself."""
    USAGE = 2
    """The command line was wrong."""
    INVALID = 3
    """A file the user gave is wrong: campaign, settings, contacts, rate card."""
    FINISHED_WITH_FAILURES = 4
    """Some messages were rejected or are unknown; or nothing is left to send, and some rows cannot be messaged."""
    GATEWAY = 5
    """The gateway cannot be used now; the run is paused and can go on later."""
    REFUSED = 6
    """Over budget, or the confirmation was refused."""
    BUSY = 7
    """Another sender holds the run."""
    LEDGER_UNAVAILABLE = 8
    """The ledger, or the disk, cannot be used right now; the same command may be run again."""
    INTERRUPTED = 130
    """Ctrl-C."""
    OUTPUT_CLOSED = 141
    """Whoever read the output stopped reading (`| head`)."""
