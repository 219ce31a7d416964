"""The benchmarks' defaults: one thread, as runs have."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded
