"""Says where this command is now. To be removed with the next release."""

import sys

print("error: python -m bench.scaling is now python -m bench.studies.scaling", file=sys.stderr)
sys.exit(2)
