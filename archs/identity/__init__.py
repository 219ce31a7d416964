"""The fingerprint of an architecture: what tells one definition of it from another.

Start at `fingerprint.py`. `structure.py` runs the builders of others, and takes from `archs.foreign` what guards that.

May import: nothing of archs.
"""
