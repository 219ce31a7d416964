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
from bench.training.splits import Split

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
        data: Sequence[Split],
        spec: RunSpec,
        streams: Sequence[Streams],
        noise_rows: Sequence[int],
        dtype: torch.dtype,
        width: int | None = None,
    ):
        """Draw from training splits.

        Args:
            data: the training split of each seed, all of one size, on the device.
            streams: of each seed.
            noise_rows: how many rows of noise a step takes, in the parts in which they are drawn.
            width: numbers in a row of noise; default: the latent dimension.
        """
        self.data = data
        self.likelihood, self.width = spec.likelihood, (spec.latent_dim or 0) if width is None else width
        self.streams, self.noise_rows, self.dtype = streams, noise_rows, dtype

    def with_streams(self, streams: Sequence[Streams]) -> Feed:
        """Return a feed of the same images that draws from other random streams."""
        other = copy.copy(self)
        other.streams = streams
        return other

    def draw(self, rows: Tensor) -> Batches:
        """Draw the batches of each seed's training images at the indices `rows`, [K, S, B], on the device."""
        steps, seeds, batch = rows.shape
        images, labels = [], []
        for own, data, stream in zip(rows.unbind(1), self.data, self.streams, strict=True):
            chosen = own.reshape(-1)
            images.append(targets(data.images.index_select(0, chosen), self.likelihood, stream.coins))
            labels.append(data.labels.index_select(0, chosen))
        x = stack_seeds(images)
        return Batches(
            x.to(self.dtype).view(seeds, steps, batch, *x.shape[2:]),
            stack_seeds(labels).view(seeds, steps, batch),
            stack_seeds([self.noise(steps, stream.noise) for stream in self.streams]),
        )

    def noise(self, steps: int, generator: torch.Generator) -> Tensor:
        """Draw the noise of `steps` steps of one seed, [K, N, Z]."""
        parts = [
            torch.randn((steps, rows, self.width), generator=generator, device=generator.device, dtype=self.dtype)
            for rows in self.noise_rows
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts, 1)


def stack_seeds(tensors: Sequence[Tensor]) -> Tensor:
    """Stack a tensor of each seed, [S, …]; that of a single seed is not copied."""
    return tensors[0].unsqueeze(0) if len(tensors) == 1 else torch.stack(list(tensors))
