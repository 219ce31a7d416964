"""Says where this command is now. To be removed with the next release."""

import sys

print("error: python -m bench.speed_table is now python -m bench.studies.speed_table", file=sys.stderr)
sys.exit(2)
