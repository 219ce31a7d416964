"""Records on disk: written whole or not at all, verified when they are read, shared between jobs. No torch.

Start at `store.py`; docs/robustness.md says what is promised.

May import: spec.
"""
