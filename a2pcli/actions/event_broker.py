"""What the connection to the MQTT broker of ``events.yaml`` needs: its password, and whom its certificate is by."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from a2pcli.config.environment import filled, reference_problems
from a2pcli.config.events import Broker, LoadedEvents
from a2pcli.errors import InvalidInput


def password_of(broker: Broker, loaded: LoadedEvents, environ: Mapping[str, str]) -> str | None:
    """Return the password; None if there is none. Raises ``InvalidInput`` if its variable is not set."""
    if broker.password is None:
        return None
    problems = list(reference_problems(broker.password, ("mqtt", "password"), loaded.document, environ))
    if problems:
        raise InvalidInput(*problems)
    return str(filled(broker.password, environ))


def trust_of(broker: Broker, loaded: LoadedEvents) -> ssl.SSLContext | None:
    """Return the authorities by which the broker's certificate is verified; None for a connection that is not
    encrypted. Raises ``InvalidInput`` if the file has none."""
    if not broker.tls:
        return None
    if broker.ca is None:
        return ssl.create_default_context()
    path = loaded.path.parent / broker.ca
    try:
        return ssl.create_default_context(cafile=str(path))
    except OSError as error:  # an SSLError is one, too
        why = "no certificates in it" if isinstance(error, ssl.SSLError) else error.strerror or "unreadable"
        message = f"{path} cannot be read: {why}"
        raise InvalidInput(loaded.document.problem(message, ("mqtt", "ca"), code="event")) from error
