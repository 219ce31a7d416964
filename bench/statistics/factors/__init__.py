"""Factor analysis of a grid or a crossing: which design choice caused the difference.

The parts: `bench.statistics.factors.grid` (cells, matched contrasts), `bench.statistics.factors.effects` (frames of effects with intervals),
`bench.statistics.factors.variance` (shares of variance), `bench.statistics.factors.sentences` (the findings in English).
"""

from __future__ import annotations

from bench.statistics.factors.effects import conditional_effects, interactions, main_effects
from bench.statistics.factors.sentences import reading, sentences
from bench.statistics.factors.variance import variance_shares

__all__ = ["conditional_effects", "interactions", "main_effects", "reading", "sentences", "variance_shares"]
