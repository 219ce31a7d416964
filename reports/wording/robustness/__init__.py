"""What is said beside verdicts on means: collapses in some seeds, outliers, skewness, failures that went unseen."""
