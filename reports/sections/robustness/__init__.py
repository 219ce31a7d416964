"""What stands beside the verdicts on means."""
