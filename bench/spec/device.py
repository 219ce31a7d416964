"""The name of a device, the CPU or one GPU, as a type."""

from __future__ import annotations

import re

CPU_OR_GPU = re.compile(r"cpu|cuda:[0-9]+")


class Device(str):
    """A device as torch and the records spell it: "cpu" or "cuda:n".

    Raises:
        ValueError: the text is neither.
    """

    def __new__(cls, text: str) -> Device:
        if not CPU_OR_GPU.fullmatch(text):
            raise ValueError(f"{text!r} is not a device; expected cpu or cuda:n")
        return super().__new__(cls, text)

    @property
    def kind(self) -> str:
        """The part that is in the identity of a run: "cpu" or "cuda"."""
        return self.partition(":")[0]

    @property
    def is_gpu(self) -> bool:
        return self.kind == "cuda"


CPU = Device("cpu")
FIRST_GPU = Device("cuda:0")
