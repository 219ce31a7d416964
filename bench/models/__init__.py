"""The probabilistic models that tasks train, and the named random streams that they draw from.

May import: nothing of bench.
"""
