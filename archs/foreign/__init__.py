"""Code that others write: files of `archs/` and those named with `--plugin`, packages; and what they must not touch.

Start at `registered.py`, which has what they declare. `plugins.py`, `folder.py` and `packages.py` load it, `entries.py`
checks it, `raised.py` says where it failed.

May import: identity.
"""
