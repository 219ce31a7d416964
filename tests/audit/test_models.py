"""What the trained models score and how large they are, by a forward pass and counts of our own.

The one thing that is used of the project is `bench.load_model`, whose parts are called as modules.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import map_coordinates
from sklearn.datasets import load_digits

import bench
from tests.audit import networks
from tests.audit.facts import Facts

DRAWS = 8
"""Of coins and latent noise: the recorded ELBO is of one draw of both."""
STANDARD_ERRORS = 5
"""The tolerance: 12 models are looked at, and 5 are left by chance in one of 10^5."""
TESTED = 300


@cache
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Return the last 300 digits, 8×8 in 0…16, enlarged to 28×28 by linear interpolation between centres of pixels."""
    source = load_digits()
    places = np.clip((np.arange(28) + 0.5) * 8 / 28 - 0.5, 0, 7)
    grid = np.meshgrid(places, places, indexing="ij")
    images = [map_coordinates(image, grid, order=1, mode="nearest") for image in source.images[-TESTED:]]
    x = np.rint(np.stack(images) * 255 / 16).astype(np.float32) / 255
    return torch.tensor(x)[:, None], torch.tensor(source.target[-TESTED:])


def draws_of_elbo(model: torch.nn.Module, task: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return ELBO, reconstruction and KL of each draw and image, [draws, N], by their definitions."""
    grey, labels = digits()
    noise, one_hot = torch.Generator().manual_seed(21), F.one_hot(labels, 10).float()
    found = []
    for _ in range(DRAWS):
        x = torch.bernoulli(grey, generator=noise)
        planes = one_hot[:, :, None, None].expand(-1, -1, 28, 28)
        mean, log_variance = model.head(model.encoder(torch.cat([x, planes], 1) if task == "cvae" else x))
        z = mean + (log_variance / 2).exp() * torch.randn(mean.shape, generator=noise)
        logits = model.decoder(torch.cat([z, one_hot], 1) if task == "cvae" else z)
        nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none").double().sum((1, 2, 3))
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).double().sum(1)
        found.append(torch.stack([-nll - kl, nll, kl]))
    elbo, nll, kl = torch.stack(found, 1)
    return elbo, nll, kl


@pytest.mark.parametrize("task", ["vae", "cvae"])
@torch.no_grad()
def test_the_elbo_is_that_of_the_trained_model(task: str, job: Callable[[str], Facts]) -> None:
    facts = job("crossing")
    rows = facts.of(task)
    for row in rows[rows["seed"] < 2].itertuples():
        model = bench.load_model(facts.folder / facts.manifest["runs_dir"], row.run_id)
        for name, values in zip(("elbo", "reconstruction", "kl"), draws_of_elbo(model, task), strict=True):
            # per image the variance over draws; the recorded mean over images is of one draw, ours of several
            error = math.sqrt(float(values.var(0).sum()) * (1 + 1 / DRAWS)) / TESTED
            off = abs(getattr(row, name) - float(values.mean()))
            assert off <= STANDARD_ERRORS * error + 1e-4, f"{row.arch} {task} {row.seed} {name}: off by {off}, {error}"
            assert error < 1.5, "a tolerance of this size would find nothing"
        assert row.elbo == pytest.approx(-row.reconstruction - row.kl, abs=1e-5)
        if task == "cvae":
            assert row.elbo_joint == pytest.approx(row.elbo - math.log(10), abs=1e-5)


@torch.no_grad()
def test_the_accuracy_is_that_of_the_trained_model(report: Facts) -> None:
    grey, labels = digits()
    for row in report.of("classifier").itertuples():
        model = bench.load_model(report.folder / report.manifest["runs_dir"], row.run_id)
        right = model.head(model.encoder(grey)).argmax(1) == labels
        # rounding may decide an image whose two largest logits are equal but for that
        assert row.accuracy == pytest.approx(float(right.double().mean()), abs=1.01 / TESTED)


def test_sizes_by_hand_are_those_of_the_trained_models_and_of_the_records(report: Facts) -> None:
    for row in report.runs[report.runs["seed"] == 0].itertuples():
        model = bench.load_model(report.folder / report.manifest["runs_dir"], row.run_id)
        by_hand = [size for layer in networks.layers(row.arch, row.task) for size in (layer.weights, layer.biases)]
        assert sorted(by_hand) == sorted(parameter.numel() for parameter in model.parameters())
        total, conv, fc, macs = networks.totals(row.arch, row.task)
        assert (row.params_total, row.params_conv, row.params_fc, row.macs) == (total, conv, fc, macs)
