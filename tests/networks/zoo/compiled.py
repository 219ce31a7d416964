"""A network that is compiled: in a file of its own, since whoever builds it imports torch's compiler for seconds."""

from __future__ import annotations

import torch
from small import plain, small
from torch import nn


def compiled(channels: int) -> nn.Module:
    return torch.compile(plain(channels), backend="eager")


COMPILED = small("compiled", compiled)
