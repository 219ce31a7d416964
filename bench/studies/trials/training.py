"""What a training is made of, in this process: for studies that put its parts together themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from archs.base import Arch
from bench.data.dataset import Dataset
from bench.machine import cuda
from bench.machine.cpu import prepare_cpu
from bench.spec.run import RunSpec
from bench.tasks import Task
from bench.training.splits import Split, on_device, splits_of, test_split
from bench.worker.dataset import dataset_of
from bench.worker.restore import arch_of, task_of, to_device
from bench.worker.site import Site


@dataclass(frozen=True)
class Ingredients:
    """What trainings of the same settings share, whatever their seeds."""

    spec: RunSpec
    arch: Arch
    task: Task
    dataset: Dataset
    device: torch.device

    @classmethod
    def of(cls, spec: RunSpec, site: Site) -> Ingredients:
        """Find them, and prepare the process for the device."""
        cuda.use_device(site.device)
        if spec.device == "cpu":
            prepare_cpu(spec.threads)
        device = torch.device(site.device)
        return cls(spec, arch_of(spec, site.plugins), task_of(spec, site.plugins), dataset_of(spec, site), device)

    def model(self, seed: int) -> nn.Module:
        """Build the model of a seed on the device."""
        return to_device(self.task.new_model(self.arch, self.spec.latent_dim, seed), self.device)

    def images(self, rows: Sequence[int] | np.ndarray) -> Split:
        """Return images of the data set's training file, by their rows, in this order."""
        chosen = torch.from_numpy(np.array(rows)).to(self.device)
        images, labels = (on_device(self.dataset, name, self.device) for name in ("images", "labels"))
        return Split(images[chosen], labels[chosen])

    @property
    def test(self) -> Split:
        """The test set with its fixed targets."""
        return test_split(self.dataset, self.spec.likelihood, self.device)

    def splits(self, seed: int) -> dict[str, Split]:
        """Return "train", "val" and "test" as a run of this seed has them."""
        return splits_of(self.dataset, replace(self.spec, seed=seed), self.device)
