"""One piece of work, from its specification to its record in the store; and back from a record to the trained model.

Start at `execute.py`; `process.py` is the life of a process that does one after the other.

May import: spec, machine, data, store, models, tasks, training, evaluation.
"""
