"""What pages are made of: blocks, and the escaping of user text for each kind of page.

May import: nothing of reports.
"""
