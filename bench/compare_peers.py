"""Says where this command is now. To be removed with the next release."""

import sys

print("error: python -m bench.compare_peers is now python -m bench.studies.compare_peers", file=sys.stderr)
sys.exit(2)
