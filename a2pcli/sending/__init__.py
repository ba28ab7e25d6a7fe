"""Sending a run: claims, pace, retries, outcomes.

``engine`` is the main loop: it claims messages through the ledger, ``dispatcher`` submits them to the gateway, and
``ledger_writer`` records outcomes in its own thread. ``pace`` keeps rate limits, ``retry`` and
``breaker`` decide what happens after a failure, ``run_policy`` keeps the budget, and ``endings`` says why a run
stopped. ``reconcile`` resolves unknown messages. Start reading at ``engine.py``."""
