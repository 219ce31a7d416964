"""A run's data set: loaded once per process, and held to the fingerprint in its spec."""

from __future__ import annotations

import functools

from bench.data.dataset import Dataset
from bench.data.datasets import load
from bench.spec.run import RunSpec
from bench.worker.site import Site


@functools.lru_cache(maxsize=1)
def load_once(name: str, data_dir: str) -> Dataset:
    """Load a data set, or return the one that this process has loaded before.

    The files' checksums are not computed: the fingerprint that `dataset_of` looks at covers every byte used.
    """
    return load(name, data_dir, checksums=False)


def dataset_of(spec: RunSpec, site: Site) -> Dataset:
    """Return the data set of a run.

    Raises:
        RuntimeError: its files have changed since the run was planned.
    """
    dataset = site.dataset or load_once(spec.dataset, site.data_dir)
    if dataset.fingerprint != spec.data_fingerprint:
        raise RuntimeError(
            f"the data set {spec.dataset} is not the one of this run: fingerprint {dataset.fingerprint}, "
            f"expected {spec.data_fingerprint}; its files have changed since"
        )
    return dataset
