"""The workshop: the choice of the recipe, calibration of the verdicts, trials of the gate, comparisons, speeds.

Each is a command, `python -m bench.studies.NAME`. Nothing imports this room.

May import: anything.
"""
