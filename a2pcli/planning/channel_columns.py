"""The columns that say which channel a row goes by, and what may follow; one module, because both campaigns of several
channels and those of one set them."""

CHANNEL, ALTERNATIVES = "@channel", "@alternatives"
"""The channel of a row if it is not the campaign's first, and what is tried after it, as JSON."""
