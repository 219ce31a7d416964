"""Sections: each file makes one part of the page from an experiment; one that has nothing to say yields no block.

`page.py` has their order.

May import: markup, reading, findings, wording, figures.
"""
