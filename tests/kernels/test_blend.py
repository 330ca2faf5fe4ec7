"""The fused Euler step is the plain one, and the plain one keeps what the mask protects.

The Triton kernel runs in Triton's interpreter, which must be asked for before Triton is imported: a process of its own.
"""

import os
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from kernels import choose, plain

IN_THE_INTERPRETER = """
import torch
from kernels.blend import euler_blend
from kernels.plain import euler_blend as truth

TOLERANCE = {torch.float32: 1e-6, torch.float16: 2e-3, torch.bfloat16: 2e-2}
torch.manual_seed(0)
for dtype, tolerance in TOLERANCE.items():
    for width in (1, 3, 17, 127, 576, 4097):  # around and beside the block of 1024
        sample, guess, known, noise = torch.randn(4, 1, 3, 1, width, dtype=dtype)
        mask = torch.rand(1, 1, 1, width, dtype=dtype).round()  # one mask for three channels
        for t, t_next in ((1.0, 0.75), (0.5, 0.25), (0.125, 0.0)):
            args = (sample, guess, t, t_next, mask, known, noise)
            got, want = euler_blend(*args), truth(*args)
            assert got.dtype == dtype and got.shape == want.shape
            torch.testing.assert_close(got, want, rtol=tolerance, atol=tolerance)
strided = torch.randn(2, 8, 8, 4).permute(0, 3, 1, 2)
args = (strided, strided * 0.5, 0.5, 0.25, torch.ones(1, 1, 8, 8), torch.zeros(1, 4, 8, 8), torch.zeros(1, 1, 1, 1))
torch.testing.assert_close(euler_blend(*args), truth(*args))
empty = torch.zeros(0, 3, 2, 2)
assert euler_blend(empty, empty, 1.0, 0.5, empty, empty, empty).shape == empty.shape
print("agreed")
"""


def test_the_triton_kernel_agrees_with_plain_torch_on_odd_sizes_and_dtypes() -> None:
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    done = subprocess.run([sys.executable, "-c", IN_THE_INTERPRETER], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "agreed"


def pictures(count: int) -> tuple[Tensor, ...]:
    draw = torch.Generator().manual_seed(0)
    return tuple(torch.randn(1, 3, 5, 7, generator=draw) for _ in range(count))


def test_where_nothing_may_be_painted_the_last_step_gives_the_known_picture_bit_for_bit() -> None:
    sample, guess, known, noise = pictures(4)
    out = choose.euler_blend(sample, guess, 0.25, 0.0, torch.zeros(1, 1, 5, 7), known, noise)
    assert torch.equal(out, known)


def test_a_perfect_guess_leads_from_noise_to_the_picture_whatever_the_steps() -> None:
    guess, noise = pictures(2)
    sample, everywhere = noise, torch.ones(1, 1, 5, 7)
    for t, t_next in ((1.0, 0.7), (0.7, 0.1), (0.1, 0.0)):
        sample = choose.euler_blend(sample, guess, t, t_next, everywhere, guess, noise)
        torch.testing.assert_close(sample, (1 - t_next) * guess + t_next * noise)


def test_outside_the_mask_the_sample_is_the_known_picture_at_the_next_noise_level() -> None:
    sample, guess, known, noise = pictures(4)
    mask = torch.zeros(1, 1, 5, 7)
    mask[..., 2:] = 1
    out = plain.euler_blend(sample, guess, 0.8, 0.4, mask, known, noise)
    torch.testing.assert_close(out[..., :2], (0.6 * known + 0.4 * noise)[..., :2])
    torch.testing.assert_close(out[..., 2:], (sample - 0.5 * (sample - guess))[..., 2:])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_goes_in_and_comes_out(dtype: torch.dtype) -> None:
    sample, guess, known, noise = (v.to(dtype) for v in pictures(4))
    assert choose.euler_blend(sample, guess, 0.5, 0.25, torch.ones(1, 1, 1, 1), known, noise).dtype == dtype


def test_triton_is_not_imported_where_no_gpu_needs_it() -> None:
    code = "import sys, kernels.choose; kernels.choose.euler_blend_on('cpu'); assert 'kernels.blend' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
