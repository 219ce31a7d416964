"""The data sets: where they come from, what is checked of them, and how they are split.

Start at `datasets.py`.

May import: nothing of bench.
"""
