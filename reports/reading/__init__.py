"""Reading: from a report folder to its manifest, records and frames.

May import: nothing of reports.
"""
