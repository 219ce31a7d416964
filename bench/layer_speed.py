"""Says where this command is now. To be removed with the next release."""

import sys

print("error: python -m bench.layer_speed is now python -m bench.studies.layer_speed", file=sys.stderr)
sys.exit(2)
