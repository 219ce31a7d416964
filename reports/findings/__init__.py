"""What the numbers say, without a word or a format: rankings, grids, matched pairs, fronts, ratios of speed.

Start at `experiment.py`.

May import: reading.
"""
