"""Runs whose gateway delivers nothing: their messages were written to a file, printed or simulated, and no more."""

from __future__ import annotations

from typing import Any

from a2pcli.ledger.records import Run


def instead_of_sending(run: Run) -> str | None:
    """What becomes of the run's messages where its gateway delivers nothing, like ``written to a file``; else None.

    The plan keeps it. Plans of earlier versions did not, nor where the gateway's settings could not be read; then
    nothing is said.
    """
    if run.sending.get("delivers") is not False:
        return None
    return str(run.sending.get("instead") or "kept on this machine")


def rehearsal_document(run: Run) -> dict[str, Any]:
    """The same as JSON: ``delivers`` is null where it is not known."""
    return {"delivers": run.sending.get("delivers"), "instead": instead_of_sending(run)}
