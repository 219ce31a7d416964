"""This computer: its CPUs and GPUs, what else it is doing, its software versions, and child processes.

May import: spec.
"""
