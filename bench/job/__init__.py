"""A job: from the options of a command to a plan, its runs, and the manifest that a report is made from.

Start at `perform.py`; `policies/` holds what decides which runs come next.

May import: spec, machine, data, store, statistics, tasks, training, evaluation, worker, launchers, speed, trackers.
"""
