"""What all code of a process shares, by which the code of one architecture could change the numbers of others.

That is torch's settings (default dtype, threads, backends, gradients), numpy's error handling, the working directory,
the environment variables that numerics read, and the functions and classes of torch, numpy and this project, which
anybody can replace. Code of one architecture must leave them as they were: `left_as_found` sees to that where it is
loaded or builds a network, `Watch` where it runs a little at a time. The states of random generators are put back
without a word, since every run seeds its own.

Not seen: a hook on all of torch's modules, and a change inside an object that stays the same one.
"""

from __future__ import annotations

import locale
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch

from archs.errors import ChangedForAll
from archs.foreign.attributes import OURS, Attributes, Holder
from archs.foreign.random_states import RandomStates
from archs.foreign.time_limit import time_limit

VARIABLES = (
    "ATEN_CPU_CAPABILITY", "CUBLAS_WORKSPACE_CONFIG", "CUDA_VISIBLE_DEVICES", "DNNL_MAX_CPU_ISA", "MKL_CBWR",
    "MKL_NUM_THREADS", "NVIDIA_TF32_OVERRIDE", "OMP_NUM_THREADS", "ONEDNN_MAX_CPU_ISA", "OPENBLAS_NUM_THREADS",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)  # fmt: skip
"""The environment variables that can change numbers or speeds; other ones a library may set when it is imported."""

SHARED_MODULES = frozenset(
    {"torch", "torch.nn", "torch.nn.functional", "torch.nn.init", "numpy", "numpy.random", "math", "random", *OURS}
)
"""The modules, beside the rooms of this project, whose functions and classes are looked at."""

OUR_SUBMODULES = tuple(f"{name}." for name in OURS)
OWNERS = frozenset({*OURS, "torch"})
"""The packages whose classes are looked at."""


class Setting(NamedTuple):
    """A setting of the whole process."""

    read: Callable[[], Any]
    restore: Callable[[Any], Any]


def attribute(holder: Any, name: str) -> Setting:
    """Return the setting that is an attribute of an object such as `torch.backends.cudnn`."""
    return Setting(lambda: getattr(holder, name), lambda value: setattr(holder, name, value))


def autocast(kind: str) -> Setting:
    """Return the setting whether operations on "cpu" or "cuda" choose their precision by themselves."""
    return Setting(lambda: torch.is_autocast_enabled(kind), lambda on: torch.set_autocast_enabled(kind, on))


def restore_default_device(device: torch.device) -> None:
    """Set torch's default device; for the CPU take the setting away, since it costs time in every call."""
    torch.set_default_device(None if device.type == "cpu" else device)


def flushes_denormals() -> bool:
    """Return whether torch takes numbers below the smallest normal one for zero; it has no function that says so."""
    return float(torch.full((1,), 2.0**-140, dtype=torch.float32, device="cpu") * 2.0) == 0.0


def set_gradients(enabled: bool) -> None:
    """Record gradients or not from now on, outside a block too."""
    torch.set_grad_enabled(enabled)


def variables() -> dict[str, str]:
    """Return those of `VARIABLES` that are set."""
    return {name: os.environ[name] for name in VARIABLES if name in os.environ}


def set_variables(values: Mapping[str, str]) -> None:
    """Give each of `VARIABLES` its value, or none."""
    for name in VARIABLES:
        os.environ.pop(name, None)
    os.environ.update(values)


SETTINGS: Mapping[str, Setting] = {
    "torch's default dtype": Setting(torch.get_default_dtype, torch.set_default_dtype),
    "torch's default device": Setting(torch.get_default_device, restore_default_device),
    "torch's number of threads": Setting(torch.get_num_threads, torch.set_num_threads),
    "torch's gradient mode": Setting(torch.is_grad_enabled, set_gradients),
    "torch's deterministic mode": Setting(torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    "torch's matmul precision": Setting(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    "torch's anomaly detection": Setting(torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    "torch's flushing of denormal numbers": Setting(flushes_denormals, torch.set_flush_denormal),
    "torch's autocast on the CPU": autocast("cpu"),
    "torch's autocast on CUDA": autocast("cuda"),
    "torch.backends.cudnn.enabled": attribute(torch.backends.cudnn, "enabled"),
    "torch.backends.cudnn.benchmark": attribute(torch.backends.cudnn, "benchmark"),
    "torch.backends.cudnn.deterministic": attribute(torch.backends.cudnn, "deterministic"),
    "torch.backends.cudnn.allow_tf32": attribute(torch.backends.cudnn, "allow_tf32"),
    "torch.backends.cuda.matmul.allow_tf32": attribute(torch.backends.cuda.matmul, "allow_tf32"),
    "torch.backends.mkldnn.enabled": attribute(torch.backends.mkldnn, "enabled"),
    "torch.backends.mkldnn.deterministic": attribute(torch.backends.mkldnn, "deterministic"),
    "numpy's error handling": Setting(np.geterr, lambda value: np.seterr(**value)),
    "the working directory": Setting(os.getcwd, os.chdir),
    "the environment": Setting(variables, set_variables),
    "the numeric locale": Setting(
        lambda: locale.setlocale(locale.LC_NUMERIC), lambda value: locale.setlocale(locale.LC_NUMERIC, value)
    ),
}
"""What it is called in a message → how it is read and put back."""


UNREADABLE = "what can't be read"
"""The value of a setting that was made in a newer way than the one in which it is asked for."""


def read_setting(name: str) -> Any:
    """Return the value of one of `SETTINGS`; `UNREADABLE` if torch refuses to say, or the working directory is gone."""
    try:
        return SETTINGS[name].read()
    except (RuntimeError, OSError):
        return UNREADABLE


class ProcessState(NamedTuple):
    """What a process shares, at one moment."""

    settings: Mapping[str, Any]
    """Of `SETTINGS`, name → value."""

    attributes: Attributes
    """All attributes of modules and classes; those that are functions, classes or methods are held to."""

    @classmethod
    def now(cls) -> ProcessState:
        """Return what the process has at this moment."""
        settings = {name: read_setting(name) for name in SETTINGS}
        return cls(settings, Attributes.of(tuple(holders())))

    def restore(self) -> list[str]:
        """Put everything back to this state; return what had been changed, in words."""
        return self.restore_settings() + self.attributes.restore()

    def restore_settings(self) -> list[str]:
        """Put the settings back, which takes a tenth of a millisecond; return what had been changed, in words."""
        changed = []
        for name, before in self.settings.items():
            now = read_setting(name)
            if now != before:
                if before != UNREADABLE:
                    SETTINGS[name].restore(before)
                changed.append(f"{name} (from {before} to {now})")
        return changed


def holders() -> Iterator[Holder]:
    """Yield the modules that all architectures use, and the classes in them, each once."""
    names = [name for name in sys.modules if name in SHARED_MODULES or name.startswith(OUR_SUBMODULES)]
    modules = [sys.modules[name] for name in names if isinstance(sys.modules[name], ModuleType)]
    yield from modules
    classes = {value: None for module in modules for value in list(vars(module).values()) if isinstance(value, type)}
    classes |= dict.fromkeys(base for one in list(classes) for base in one.__mro__)
    yield from (one for one in classes if one.__module__.partition(".")[0] in OWNERS)


@contextmanager
def left_as_found(whose: str) -> Iterator[None]:
    """Put back what the block changes for the whole process, and raise if that was more than random states.

    The block has a time limit, since all that is loaded or built for others is surrounded by this.

    Args:
        whose: code runs in the block, and when, for the message: "plug-in my.py, when it is loaded,".

    Raises:
        ChangedForAll: it changed something.
        Endless: it takes too long.
    """
    before, random_states = ProcessState.now(), RandomStates.now()
    try:
        with time_limit(whose):
            yield
    except BaseException:
        before.restore()
        raise
    finally:
        random_states.restore()
    if changed := before.restore():
        raise ChangedForAll(complaint(whose, changed))


class Watch:
    """Sees whether what a process shares is still what it was when the watch began.

    Several watches may be kept at once, each of code that runs a little at a time. A change that one of them sees, and
    puts back, had been there for the others too.
    """

    changes_seen = 0
    """By all watches of this process."""

    def __init__(self) -> None:
        self.before, self.seen_before = ProcessState.now(), Watch.changes_seen

    def look(self, whose: str) -> None:
        """Put back what has changed since the watch began.

        Args:
            whose: code ran meanwhile, for the message.

        Raises:
            ChangedForAll: something had.
        """
        if changed := self.before.restore():
            Watch.changes_seen += 1
            raise ChangedForAll(complaint(whose, changed))
        if Watch.changes_seen > self.seen_before:
            raise ChangedForAll(f"{whose} ran beside code that changes what every architecture of the process uses")


def complaint(whose: str, changed: Sequence[str]) -> str:
    """Return the message on code that changed something for all."""
    what = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
    return f"{whose} changes {what} for every architecture of the process; set it for its own layers only"
