"""From records to estimates, intervals and verdicts. Pure functions on numbers and data frames; no torch.

`paired.py` compares two architectures; `factors/` says which design choice caused a difference.

May import: spec, store.
"""
