"""Wording: numbers as text, phrases, the answer's paragraph, warnings, and the comparison table.

May import: markup, reading, findings.
"""
