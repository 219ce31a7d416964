"""How long whoever runs a command waits, and what it tells them meanwhile.

Start at `remaining_time.py`, a command: `python -m bench.studies.waiting.remaining_time`.
"""
