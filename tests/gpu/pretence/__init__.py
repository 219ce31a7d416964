"""The pretended GPU refuses what CUDA refuses, and does the rest.

Each promise of `tests.gpu.pretended_gpu` has a planted fault here, which is caught, and the right version, which
passes.
"""
