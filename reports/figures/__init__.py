"""Figures, a file each: functions from frames and colours to a matplotlib figure, without global state.

`canvas.py` has the style, and saves them.

May import: markup, findings, wording.
"""
