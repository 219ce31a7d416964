"""What operations of torch multiply: matrix products and convolutions, as `FlopCounterMode` counts them.

The formulas are ours, since loading `torch.utils.flop_counter` takes a quarter of a second, in which it loads a
compiler. tests/archs/counting/test_layers.py holds them to it.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten

FACTORS = {
    aten.mm: (0, 1),
    aten.bmm: (0, 1),
    aten.addmm: (1, 2),
    aten.baddbmm: (1, 2),
    aten.convolution: (0, 1),
    aten._convolution: (0, 1),  # as it is called in a traced graph
    aten._trilinear: (0, 1, 2),
}
"""The operations that are counted → which of their arguments are multiplied with each other."""

UNCOUNTED = {
    "mv", "addmv", "addbmm", "_cdist_forward", "_euclidean_dist", "_pdist_forward", "_fft_c2c", "_fft_c2r",
    "_fft_r2c", "_linalg_det", "_linalg_eigh", "_linalg_solve_ex", "_linalg_svd", "linalg_cholesky_ex",
    "linalg_inv_ex", "linalg_lstsq", "linalg_lu_factor_ex", "linalg_matrix_exp", "linalg_qr",
    "linalg_solve_triangular",
}  # fmt: skip
"""Names of operations that multiply a number more than once, and for which `FlopCounterMode` has no count either."""

FUSED = ("_native_multi_head_attention", "_transformer_encoder_layer_fwd", "_scaled_dot_product", "_flash_attention",
         "_efficient_attention", "mkldnn_rnn_layer", "_mkldnn", "_cudnn", "_grouped_mm", "_int_mm", "_weight_int",
         "conv_tbc")  # fmt: skip
"""How the names of operations begin that hide products which would be counted."""

OF_TORCH = ("aten.", "prim.", "prims.", "profiler.")
"""The namespaces of operations that are known to multiply no more than this module says."""

FLOP_COUNTER = "torch.utils.flop_counter"


def multiplied(func: Any, args: Any, output: Any) -> tuple[int, list[Tensor]] | None:
    """Return the multiply-accumulates of an operation and the tensors that it multiplies; None if it has no count.

    A transposed convolution multiplies every input pixel by its whole kernel, `nn.Bilinear` each of its weights once
    per vector.

    Args:
        func: the operation, as a `TorchDispatchMode` is given it.
        args: its arguments by position.
        output: what it returned.
    """
    packet = getattr(func, "overloadpacket", func)
    if packet not in FACTORS:
        # the formula of a foreign operation, which whoever gave it one has loaded the module for
        formula = getattr(sys.modules.get(FLOP_COUNTER), "flop_registry", {}).get(packet)
        if formula is None:
            return None
        return int(formula(*args, out_val=output)) // 2, [each for each in args if isinstance(each, Tensor)][:2]
    factors = [args[place] for place in FACTORS[packet]]
    first, second = factors[:2]
    if packet in (aten.convolution, aten._convolution):
        is_transposed = args[6]
        places = math.prod((first if is_transposed else output).shape[2:])
        return len(first) * places * second.numel(), factors
    if packet is aten._trilinear:
        return len(first) * second.numel(), factors
    return first.numel() * second.shape[-1], factors


def is_opaque(func: Any) -> bool:
    """Return whether nothing is known of what an operation multiplies: a foreign one, or one that hides products."""
    namespace, name = f"{str(func).partition('.')[0]}.", str(func).partition(".")[2]
    return namespace not in OF_TORCH or name.startswith(FUSED)
