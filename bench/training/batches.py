"""What the steps of a training see: images, labels and latent noise, drawn from each seed's own random streams.

A CPU draws for one step at a time. A GPU draws for several at once, so that its steps take no random numbers from the
streams: they are functions of their inputs, which a CUDA graph can replay and a stack of seeds can share. How many
steps are drawn at once depends on the number of the step alone, so a seed draws the same by itself and in a stack.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from bench.models.likelihood import targets
from bench.models.streams import Streams
from bench.spec.run import RunSpec

Loss = Callable[..., Tensor]
"""A task's loss with all that is fixed during a training: (model, x, labels, noise) → the batch's mean, in nats."""


class Batches(NamedTuple):
    """The inputs of K training steps of S seeds."""

    x: Tensor
    """Images, float [S, K, B, 1, 28, 28] in 0 to 1."""

    labels: Tensor
    """[S, K, B]."""

    noise: Tensor
    """Standard normal, [S, K, N, Z]."""

    def step(self, k: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the inputs of one step: [S, B, 1, 28, 28], [S, B], [S, N, Z]."""
        return self.x[:, k], self.labels[:, k], self.noise[:, k]


class Feed:
    """The source of a training's batches."""

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        spec: RunSpec,
        streams: Sequence[Streams],
        noise_rows: Sequence[int],
        dtype: torch.dtype,
        width: int | None = None,
    ):
        """Draw from a training split.

        Args:
            images: uint8 [M, 28, 28], on the device.
            labels: [M], on the device.
            streams: of each seed.
            noise_rows: how many rows of noise a step takes, in the parts in which they are drawn.
            width: numbers in a row of noise; default: the latent dimension.
        """
        self.images, self.labels = images, labels
        self.likelihood, self.width = spec.likelihood, (spec.latent_dim or 0) if width is None else width
        self.streams, self.noise_rows, self.dtype = streams, noise_rows, dtype

    def with_streams(self, streams: Sequence[Streams]) -> Feed:
        """Return a feed of the same images that draws from other random streams."""
        other = copy.copy(self)
        other.streams = streams
        return other

    def draw(self, rows: Tensor) -> Batches:
        """Draw the batches of the training images at the indices `rows`, [K, S, B], on the device."""
        steps, _, batch = rows.shape
        rows = rows.transpose(0, 1)  # [S, K, B]
        chosen = self.images.index_select(0, rows.reshape(-1)).view(len(rows), steps * batch, *self.images.shape[1:])
        x = stack_seeds(
            [targets(own, self.likelihood, stream.coins) for own, stream in zip(chosen, self.streams, strict=True)]
        )
        return Batches(
            x.to(self.dtype).view(len(rows), steps, batch, *x.shape[2:]),
            self.labels.index_select(0, rows.reshape(-1)).view(rows.shape),
            stack_seeds([self.noise(steps, stream.noise) for stream in self.streams]),
        )

    def noise(self, steps: int, generator: torch.Generator) -> Tensor:
        """Draw the noise of `steps` steps of one seed, [K, N, Z]."""
        parts = [
            torch.randn((steps, rows, self.width), generator=generator, device=self.images.device, dtype=self.dtype)
            for rows in self.noise_rows
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts, 1)


def stack_seeds(tensors: Sequence[Tensor]) -> Tensor:
    """Stack a tensor of each seed, [S, …]; that of a single seed is not copied."""
    return tensors[0].unsqueeze(0) if len(tensors) == 1 else torch.stack(list(tensors))
