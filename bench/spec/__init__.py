"""What a run is: the settings that identify it, its task, its metrics, its progress and its status.

Imports nothing heavy, so that a command line can answer at once. Start at `run.py`.

May import: nothing of bench.
"""
