"""The terminal itself: streams, problems, questions, counters, and how a command ends."""
