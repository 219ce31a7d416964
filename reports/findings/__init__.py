"""What the numbers say, before any wording: rankings, effects of factors, matched pairs, Pareto fronts, speed ratios.

Start at `experiment.py`.

May import: reading.
"""
