"""How fast architectures are, measured apart from any training, and whether that is slower than before.

Start at `phase.py`, a job's last step, or at `gate_decision.py`, which judges two sessions of benchmarks.

May import: spec, machine, data, store, statistics, models, tasks, training, evaluation, worker.
"""
