"""Factor analysis of a grid or a crossing: which design choice caused the difference.

The parts: `bench.factor_grid` (cells, matched contrasts), `bench.factor_effects` (frames of effects with intervals),
`bench.factor_variance` (shares of variance), `bench.factor_sentences` (the findings in English).
"""

from __future__ import annotations

from bench.factor_effects import conditional_effects, interactions, main_effects
from bench.factor_sentences import reading, sentences
from bench.factor_variance import variance_shares

__all__ = ["conditional_effects", "interactions", "main_effects", "reading", "sentences", "variance_shares"]
