"""The HTTP engine: from a provider's request to one outcome for each message, whatever the network does.

``protocol`` says what an engine is and the three ways in which sending can fail. ``wire`` is the fast engine, over
``dialing`` (names, proxies, TLS) and ``wire_connection``; ``httpx_engine`` the other. ``transport`` sends for a
provider, with repeats and look-ups; ``statuses`` says what an answer's status and ``Retry-After`` mean.
"""
