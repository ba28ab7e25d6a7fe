"""What a message costs: a rate card, exact to 1e-9 of the currency.

The card is a CSV file with a row for each price:
``gateway,channel,country,prefix,category,unit,price,surcharge,currency,valid_from,valid_to``. Blank or ``*``
means any. The most specific row wins: the longest prefix, then the country, then ``*``; between rows that are
equal in that, one that names the gateway, then the channel, then the category. ``unit`` says what ``price``
and ``surcharge`` are for: each part, or the message. Both dates are included. A destination without a row has
no known price, which is not the price 0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from a2pcli.config.values import parse_budget as _parse_budget
from a2pcli.content.arrow import Texts, as_numpy, compute, one_piece
from a2pcli.content.rate_card import NANO, Rate, read_rate_card
