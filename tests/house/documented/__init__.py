"""Every command that a document shows is one (test_commands.py), and does what it should (test_runs.py)."""
