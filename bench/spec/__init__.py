"""What a run is: the settings that identify it, its task, its metrics, its progress and its status.

Imports nothing heavy, so that a command line can answer at once. Start at `run.py`; `command.py` and `output/` are how
every command ends, and what it prints with.

May import: nothing of bench.
"""
