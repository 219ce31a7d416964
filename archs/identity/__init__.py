"""What tells one definition of an architecture from another: a fingerprint of the code that builds it.

May import: nothing of archs.
"""
