"""Turns records into estimates, intervals and verdicts: pure functions on numbers and data frames, no torch.

Start at `paired.py`, which compares two architectures; `factors/` says which design choice caused a difference,
`sequential/` holds what may be looked at after each seed, and `robustness/` what a mean over few seeds hides.

May import: spec, store.
"""
