"""What may be looked at after each seed: confidence sequences, and what is decided with them while seeds are added.

Start at `confidence.py`.

May import: spec, store.
"""
