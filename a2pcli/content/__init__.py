"""What a message says: rendering, encoding and price.

``templates`` compiles Jinja in a bounded sandbox and renders whole columns at a time; ``smart`` replaces typographic
characters where that avoids UCS-2; ``encoding`` and ``parts`` count units and SMS parts; ``prices`` and ``rate_card``
give the cost. Everything is a pure function of its input. Start reading at ``templates.py``.
"""
