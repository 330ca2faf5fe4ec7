"""Which implementation of an op runs here, decided once per device; callers name the op and never the implementation.

euler_blend   Triton on CUDA, plain torch elsewhere
linear4       torch's packed 4-bit product on CPUs that have vector code for it, dequantise and multiply elsewhere
dense         bfloat16 on CPUs that multiply it themselves
integer       whole numbers on CPUs that multiply and add bytes without overflow (VNNI), floating point elsewhere
"""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from kernels import plain

# One op is a few hundred times slower than a dense product where torch has only its scalar loop for it.
_FAST_INT4_CPUS = ("AVX2", "AVX512")

EulerBlend = Callable[[Tensor, Tensor, float, float, Tensor, Tensor, Tensor], Tensor]


@cache
def has_fast_int4(device_type: str) -> bool:
    """Whether torch multiplies packed 4-bit weights faster than dense ones on this device."""
    return device_type == "cpu" and torch.backends.cpu.get_cpu_capability() in _FAST_INT4_CPUS


@cache
def has_fast_integers(device_type: str) -> bool:
    """Whether products of bytes are exact and fast here. Without VNNI oneDNN adds them in 16 bits, which overflow."""
    return device_type == "cpu" and bool(torch._C._has_mkldnn and torch.cpu._is_vnni_supported())


@cache
def has_native_bfloat16(device_type: str) -> bool:
    """Whether a CPU multiplies bfloat16 itself, rather than as float32 after unpacking it."""
    if device_type != "cpu" or not (torch._C._has_mkldnn and torch.ops.mkldnn._is_mkldnn_bf16_supported()):
        return False
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


@cache
def euler_blend_on(device_type: str) -> EulerBlend:
    """The implementation of `euler_blend` for a kind of device."""
    if device_type != "cuda":
        return plain.euler_blend
    from kernels.blend import euler_blend as fused  # Triton is imported only where a GPU runs it

    return fused


def euler_blend(
    sample: Tensor, predicted_x: Tensor, t: float, t_next: float, mask: Tensor, known: Tensor, noise: Tensor
) -> Tensor:
    """One Euler step of an x-predicting flow sampler, the known picture kept outside the mask: the next sample.

    x_t = (1 - t)·x + t·eps; velocity = (x_t - predicted_x) / t; next = x_t + (t_next - t)·velocity; where the mask is 0
    it is replaced by the known picture at noise level t_next, (1 - t_next)·known + t_next·noise, and blended between.
    sample, predicted_x: (B, C, H, W); mask (1 = paint), known, noise: broadcastable to it; 0 ≤ t_next < t ≤ 1.
    Computed in float32, returned in sample's dtype. `kernels.plain.euler_blend` is the truth and names the sources.
    """
    return euler_blend_on(sample.device.type)(sample, predicted_x, t, t_next, mask, known, noise)
