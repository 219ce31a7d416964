"""Factor analysis of a grid or a crossing: which design choice caused a difference.

`grid.py` makes matched contrasts, `effects.py` frames of effects with intervals, `variance.py` shares of variance, and
`sentences.py` says in English what they show.
"""

from __future__ import annotations

from bench.statistics.factors.effects import conditional_effects, interactions, main_effects
from bench.statistics.factors.sentences import NumberFormat, effect_verdict, headline, sentences
from bench.statistics.factors.variance import variance_shares

__all__ = [
    "NumberFormat",
    "conditional_effects",
    "effect_verdict",
    "headline",
    "interactions",
    "main_effects",
    "sentences",
    "variance_shares",
]
