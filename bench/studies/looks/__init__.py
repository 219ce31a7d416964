"""How far verdicts can be trusted that are looked at after each seed: simulated differences, stopping, families.

Start at `calibration.py`, a command: `python -m bench.studies.looks.calibration`.
"""
