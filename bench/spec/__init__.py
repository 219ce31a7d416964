"""What a run is: every setting that can change a number, its identity, the metrics that it may have, and where it is.

Loads nothing heavy, so that a command line can answer at once. Start at `run.py`.

May import: nothing of bench.
"""
