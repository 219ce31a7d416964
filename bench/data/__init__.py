"""The data sets: how they are found, unpacked or downloaded, verified, and split.

Start at `datasets.py`.

May import: spec.
"""
