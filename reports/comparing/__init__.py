"""Comparing: two reports against each other, what was set otherwise and what moved beyond noise.

May import: markup, reading, findings, wording, rendering.
"""
