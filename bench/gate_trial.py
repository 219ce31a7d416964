"""Says where this command is now. To be removed with the next release."""

import sys

print("error: python -m bench.gate_trial is now python -m bench.studies.gate_trial", file=sys.stderr)
sys.exit(2)
