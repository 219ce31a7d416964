"""The workshop: calibration of the verdicts, trials of the gate, comparisons with other projects, tables of speed.

Each is a command, `python -m bench.studies.NAME`. Nothing imports this room.

May import: anything.
"""
