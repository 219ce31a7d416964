"""This computer: its processors and GPUs, what else it is doing, its versions, and processes beside this one.

May import: spec.
"""
