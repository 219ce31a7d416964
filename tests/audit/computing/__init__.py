"""What the audit computes: statistics, verdicts, effects, curves, speeds, sizes, a forward pass."""
