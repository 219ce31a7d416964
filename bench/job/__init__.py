"""A job: from the options of a command to a plan, its runs, and the manifest that a report is made from.

Start at `perform.py`.

May import: spec, machine, data, store, tasks, training, evaluation, worker, launchers, speed, trackers.
"""
