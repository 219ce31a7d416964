"""What a mean over few seeds hides: rare failures, outliers, skewed differences.

`differences.py` describes the paired differences of one comparison, `outliers.py` finds those that stand out,
`collapse.py` runs that learned nothing, and `columns.py` puts all of it beside a table of verdicts.
"""
