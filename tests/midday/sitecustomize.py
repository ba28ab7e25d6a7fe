"""Found by every Python that a test starts: it is a working day's afternoon there, too. See ``conftest``."""

import os
import time

_shift = int(os.environ.get("A2PCLI_TEST_SHIFT_NS", "0"))
_now = time.time_ns
time.time_ns = lambda: _now() + _shift
