"""Who runs what, where and when: worker processes of this machine, or the nodes of a Ray cluster.

A launcher is handed specifications and yields events; the records go to the store. Start at `local.py`.

May import: spec, machine, data, store, training, worker.
"""
