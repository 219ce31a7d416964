"""Says where this command is now. To be removed with the next release."""

import sys

print("error: python -m bench.overhead is now python -m bench.studies.overhead", file=sys.stderr)
sys.exit(2)
