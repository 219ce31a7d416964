"""The probabilistic models that tasks train, and the named streams of random numbers behind them.

May import: nothing of bench.
"""
