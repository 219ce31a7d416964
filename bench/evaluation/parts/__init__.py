"""The parts of a full evaluation, one file each."""
