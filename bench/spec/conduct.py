"""What a record may remark on how a network behaves, beside what it scores."""

from __future__ import annotations

from enum import StrEnum


class Conduct(StrEnum):
    """A way in which a network's numbers mean something else than they seem to: a key of a record's `conduct`."""

    SAME_START = "same start"
    """Parts of it start from the same weights at every seed; the detail names the parts."""

    UNREPEATABLE = "unrepeatable"
    """It gives other outputs for the same images, weights and random numbers."""

    RANDOM_EVALUATION = "random evaluation"
    """It draws random numbers when it is evaluated."""

    NEVER_MOVED = "never moved"
    """Weights that ought to learn are what they were before the training; the detail names them."""

    NOT_RESTORED = "not restored"
    """Loaded from its stored weights it gives other outputs."""

    NO_NEGATIVE_LOGIT = "no negative logit"
    """Its decoder gives no logit below zero, so it draws no pixel darker than half grey."""

    LOGITS_END_AT_ONE = "logits end at one"
    """All its decoder's logits lie from −1 to 1, and many at these ends."""
