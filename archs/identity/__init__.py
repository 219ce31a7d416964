"""The fingerprint of an architecture: what tells one definition of it from another.

Start at `fingerprint.py`.

May import: nothing of archs.
"""
