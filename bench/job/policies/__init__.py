"""What a job runs next, as far as it can be said from what the store holds: a policy is one file.

Start at `policy.py`, which says what one is; `fixed.py` is a list, `until_sure.py` adds seeds until verdicts are
settled, `race.py` until the best is found. `asked.py` picks one. `ordinals.py` counts seeds for who watches.

May import: what `bench.job` may.
"""
