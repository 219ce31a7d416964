"""How long a job will still take.

Start at `estimate.py`, which learns from its events; `coming.py` foretells what hasn't begun.
"""
