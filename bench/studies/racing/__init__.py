"""What a race for the best arm is worth: races whose truth is known, simulated.

Start at `simulate.py`, the command.
"""
