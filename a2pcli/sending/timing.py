"""The seconds that sending goes by."""

HORIZON = 0.5
"""Of pace, that are claimed ahead, and the longest wait for which a claim is kept."""

LINGER = 0.02
"""An outcome waits for company, where nothing waits for the claims that come with it."""

TICK = 0.1
"""The loop runs even if nothing happened."""

IDLE = 5.0
"""The same while everything waits for people's hours; Ctrl-C wakes it."""

LOOK_AGAIN = 60.0
"""A sender that waits looks whether somebody ended the run meanwhile."""

CATCHING_UP = 0.2
"""In which the answers that came while the process was stopped reach whoever waits for them."""

LEDGER_PAUSES = (0.1, 0.3, 1.0, 3.0, 5.0, 10.0, 10.0)
"""Seconds between tries of a transaction that fails; after the last, sending stops. A server restarts in less."""

BRIEFLY = 3.0
"""The longest of these pauses for a failure that, as far as can be told, waiting does not mend."""
