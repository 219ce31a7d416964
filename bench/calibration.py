"""Says where this command is now. To be removed with the next release."""

import sys

print("error: python -m bench.calibration is now python -m bench.studies.calibration", file=sys.stderr)
sys.exit(2)
