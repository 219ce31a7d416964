"""The versions and the processor that a run is recorded with. They are not part of its identity."""

from __future__ import annotations

import functools
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
"""The folder that this project is in: a checkout's, or that of installed packages."""

COMMAND = "python run_ablation.py" if (ROOT / "pyproject.toml").is_file() else "conv-ablation"
"""How the user calls the job's command: from within the checkout, or as it is installed."""

PACKAGES = ("torch", "numpy", "pandas", "scipy")

NUMERIC_VARIABLES = (
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "DNNL_DEFAULT_FPMATH_MODE",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "OPENBLAS_CORETYPE",
    "NPY_DISABLE_CPU_FEATURES",
    "NVIDIA_TF32_OVERRIDE",
)
"""Environment variables that choose instructions or precision, and so the last digits, in a library that computes."""


@functools.cache
def versions() -> dict[str, str | None]:
    """Return the versions of Python and of the packages that can change numbers; None for one that is absent."""

    def known(package: str) -> str | None:
        try:
            return version(package)
        except PackageNotFoundError:
            return None

    return {"python": platform.python_version(), **{package: known(package) for package in PACKAGES}}


def numerics() -> dict[str, Any]:
    """Return what else decides on the last digits: the instructions that torch uses, and `numeric_settings`."""
    return {"cpu_capability": cpu_capability(), "numeric_settings": numeric_settings()}


def cpu_capability() -> str:
    """Return the instruction set that torch's own kernels use: "AVX512", "AVX2", "DEFAULT" (neither) or another."""
    import torch  # here: the process of a job does without

    return torch.backends.cpu.get_cpu_capability()


def numeric_settings() -> dict[str, str]:
    """Return those of `NUMERIC_VARIABLES` that are set, with their values."""
    return {name: os.environ[name] for name in NUMERIC_VARIABLES if name in os.environ}


def processor() -> str:
    """Return the name of the CPU as far as the system knows it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
