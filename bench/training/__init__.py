"""Training: from fresh models and a split of the data to trained models and their history.

Is handed a specification and knows nothing of jobs, stores or launchers. Start at `loop.py`.

May import: spec, data, models, tasks.
"""
