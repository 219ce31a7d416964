"""What may be looked at after each seed: confidence sequences, and what is decided with them while seeds are added.

Start at `confidence.py`; `race.py` looks for the best of many.

May import: spec, store.
"""
