"""What pages are made of: blocks, and user text made safe for each kind of page.

May import: nothing of reports.
"""
