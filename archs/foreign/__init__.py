"""Code that isn't ours: files named with `--plugin`, loaded each as a module of its own, and what they must not touch.

May import: identity.
"""
