"""The sections of the page, one file each: from an experiment to blocks. A section with nothing to say yields none.

May import: markup, reading, findings, wording, figures.
"""
