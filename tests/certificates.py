"""The system's certificates, read once for all HTTP clients of a test process.

httpx reads them for each client that is made, thus for each ``httpx.get``: 30 ms of processor time, a hundred times
what the request to this machine costs. A client that is given certificates of its own reads them as ever.
"""

from __future__ import annotations

import os
import ssl
from functools import cache
from typing import Any

import httpx._transports.default as transports

_honest = transports.create_ssl_context


@cache
def _read(trust_env: bool, *_environ: str | None) -> ssl.SSLContext:
    return _honest(verify=True, trust_env=trust_env)


def _context(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
    if verify is not True or cert is not None:
        return _honest(verify=verify, cert=cert, trust_env=trust_env)
    return _read(trust_env, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


def share() -> None:
    """From here on all clients of this process that trust whom the system trusts have one context."""
    transports.create_ssl_context = _context  # type: ignore[assignment]
