"""The same small VAE trained as other projects do it, for `python -m bench.studies.compare_peers`.

The code is ours, the idiom theirs.
"""
