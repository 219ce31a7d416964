"""Rendering: blocks as Markdown, HTML, LaTeX and plain text, and the files of a report folder.

Start at `write.py`.

May import: markup, reading, findings, wording, figures, sections.
"""
