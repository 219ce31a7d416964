"""One file per figure. Each takes frames and colours and writes a PNG; none keeps state.

May import: markup, findings, wording.
"""
