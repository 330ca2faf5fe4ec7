"""The Euler step and the mask blend of `plain.euler_blend` as one Triton kernel: one pass over memory instead of ten.

mask, known and noise are expanded to the sample's shape as strided views; contiguous copies are made only of those that
were broadcast, so that one flat offset serves every pointer.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 1024


@triton.jit  # type: ignore[untyped-decorator]  # pointers and Triton scalars have no Python types
def _euler_blend_kernel(  # type: ignore[no-untyped-def]
    sample_ptr,
    guess_ptr,
    mask_ptr,
    known_ptr,
    noise_ptr,
    out_ptr,
    ratio,
    t_next,
    numel,
    BLOCK_SIZE: tl.constexpr,  # noqa: N803  # Triton's way to name compile-time sizes
):
    """out = mask·(x + ratio·(x - guess)) + (1 - mask)·((1 - t_next)·known + t_next·noise), ratio = (t_next - t) / t."""
    offset = tl.program_id(0) * BLOCK_SIZE + tl.arange(0, BLOCK_SIZE)
    inside = offset < numel
    x = tl.load(sample_ptr + offset, mask=inside).to(tl.float32)
    guess = tl.load(guess_ptr + offset, mask=inside).to(tl.float32)
    paint = tl.load(mask_ptr + offset, mask=inside).to(tl.float32)
    known = tl.load(known_ptr + offset, mask=inside).to(tl.float32)
    noise = tl.load(noise_ptr + offset, mask=inside).to(tl.float32)
    stepped = x + ratio * (x - guess)
    kept = (1.0 - t_next) * known + t_next * noise
    out = paint * stepped + (1.0 - paint) * kept
    tl.store(out_ptr + offset, out.to(out_ptr.dtype.element_ty), mask=inside)


def euler_blend(
    sample: Tensor, predicted_x: Tensor, t: float, t_next: float, mask: Tensor, known: Tensor, noise: Tensor
) -> Tensor:
    """`plain.euler_blend` in one kernel; the same arguments, errors and result up to float32 rounding."""
    x = sample.contiguous()
    others = [v.expand_as(x).contiguous() for v in (predicted_x, mask, known, noise)]
    out = torch.empty_like(x)
    if x.numel():
        grid = (triton.cdiv(x.numel(), BLOCK),)
        _euler_blend_kernel[grid](x, *others, out, (t_next - t) / t, t_next, x.numel(), BLOCK_SIZE=BLOCK)
    return out
