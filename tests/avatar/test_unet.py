"""Our UNet against diffusers' own, over the same weights."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor

from avatar import times
from avatar.checkpoint import STARTER
from avatar.families.starter import DiffusersUNet
from avatar.opening import open_module
from avatar.parts import open_parts
from avatar.unet import UNet, is_plain
from inference.job import ModelMissing
from kernels.choose import has_native_bfloat16
from tests.tiny_painter import write_painter

CPU = torch.device("cpu")
TINY: dict[str, Any] = {
    "sample_size": 8,
    "in_channels": 7,
    "out_channels": 3,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "block_out_channels": (16, 32),
    "layers_per_block": 1,
    "cross_attention_dim": 24,
    "attention_head_dim": 4,
    "norm_num_groups": 8,
}
SHAPES: list[dict[str, Any]] = [
    {},
    {"layers_per_block": 2},
    {"flip_sin_to_cos": False, "freq_shift": 1, "norm_eps": 1e-3, "attention_head_dim": 8},
    {
        "down_block_types": ("CrossAttnDownBlock2D",) * 2 + ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 2,
        "block_out_channels": (16, 24, 40),
    },
]
OTHERS: list[dict[str, Any]] = [
    {"class_embed_type": "projection", "projection_class_embeddings_input_dim": 24},
    {"use_linear_projection": True},
    {"transformer_layers_per_block": 2},
    {"act_fn": "gelu"},
    {"mid_block_type": None},
    {"time_cond_proj_dim": 8},
    {"layers_per_block": (1, 2)},
    {"down_block_types": ("AttnDownBlock2D", "DownBlock2D")},
]


def asked(config: dict[str, Any], batch: int, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """What a UNet sees and is told."""
    random = torch.Generator().manual_seed(1)
    seen = torch.randn(batch, config["in_channels"], side, side, generator=random)
    prompts = torch.randn(batch, 1, config["cross_attention_dim"], generator=random)
    return seen.contiguous(memory_format=torch.channels_last), torch.tensor(731.5), prompts


def both(shape: dict[str, Any]) -> tuple[UNet2DConditionModel, UNet]:
    """diffusers' UNet of a shape with random weights, and ours with the same."""
    torch.manual_seed(0)
    theirs = UNet2DConditionModel(**TINY | shape).eval()
    assert is_plain(dict(theirs.config))
    return theirs, UNet(dict(theirs.config), {name: weight.detach() for name, weight in theirs.state_dict().items()})


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("batch", "side"), [(1, 8), (3, 8), (2, 9)])
@torch.inference_mode()
def test_its_numbers_are_those_of_diffusers(shape: dict[str, Any], batch: int, side: int) -> None:
    theirs, ours = both(shape)
    seen, timestep, prompts = asked(TINY | shape, batch, side)
    expected = theirs(seen, timestep, encoder_hidden_states=prompts).sample
    assert torch.allclose(ours(seen, timestep, prompts), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_the_starters_numbers_are_those_of_diffusers(dtype: torch.dtype) -> None:
    if dtype == torch.bfloat16 and not has_native_bfloat16("cpu"):
        pytest.skip("this processor imitates bfloat16")
    config = json.loads((STARTER / "unet" / "config.json").read_text())
    tensors = load_file(STARTER / "unet" / "diffusion_pytorch_model.safetensors")
    ours = UNet(config, {name: weight.to(dtype) for name, weight in tensors.items()})
    exact = open_module(STARTER / "unet", UNet2DConditionModel, torch.float32)
    seen, timestep, prompts = asked(config, 1, config["sample_size"])
    expected = exact(seen, timestep, encoder_hidden_states=prompts).sample
    error = (ours(seen.to(dtype), timestep, prompts.to(dtype)).float() - expected).abs()
    assert error.max() < (1e-4 if dtype == torch.float32 else 0.1 * expected.abs().max())
    if dtype == torch.bfloat16:  # no further from the truth than diffusers' own in the same precision
        same = open_module(STARTER / "unet", UNet2DConditionModel, dtype)
        said = same(seen.to(dtype), timestep, encoder_hidden_states=prompts.to(dtype)).sample.float()
        assert error.mean() < 1.2 * (said - expected).abs().mean()


@pytest.mark.parametrize("other", OTHERS)
def test_what_it_does_not_compute_is_not_plain(other: dict[str, Any]) -> None:
    with torch.device("meta"):
        plain = dict(UNet2DConditionModel(**TINY).config)
    assert is_plain(plain) and not is_plain(plain | other)


def test_another_kind_of_unet_is_computed_by_diffusers(tmp_path: Path) -> None:
    folder = write_painter(tmp_path / "painter")
    assert isinstance(open_parts(folder, CPU).network.module, UNet)
    torch.manual_seed(0)
    config = json.loads((folder / "unet" / "config.json").read_text())
    config |= {"class_embed_type": "projection", "projection_class_embeddings_input_dim": 384}
    UNet2DConditionModel.from_config(config).half().save_pretrained(folder / "unet")
    parts = open_parts(folder, CPU)
    assert isinstance(parts.network.module, DiffusersUNet)
    seen, timestep, prompts = (part.to(parts.dtype) for part in asked(config, 1, 8))
    assert parts.network.module(seen, timestep, prompts).shape == (1, 48, 8, 8)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda tensors: tensors.pop("mid_block.resnets.1.norm2.weight"),
            "mid_block.resnets.1.norm2.weight is missing",
        ),
        (lambda tensors: tensors.update(extra=torch.zeros(1)), "extra belongs to another kind"),
        (lambda tensors: tensors.update({"conv_in.bias": torch.zeros(3)}), r"conv_in.bias is \(3,\) and not \(16,\)"),
    ],
)
def test_weights_that_are_not_the_configs_are_named(change: Any, says: str) -> None:
    theirs = UNet2DConditionModel(**TINY)
    tensors = dict(theirs.state_dict())
    change(tensors)
    with pytest.raises(ValueError, match=says):
        UNet(dict(theirs.config), tensors)


def test_a_lacking_weight_is_one_sentence(tmp_path: Path) -> None:
    folder = write_painter(tmp_path / "painter")
    config = folder / "unet" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"layers_per_block": 2}))
    with pytest.raises(ModelMissing, match=r"cannot be read \(down_blocks.0.resnets.1.* is missing\)"):
        open_parts(folder, CPU)


@pytest.mark.parametrize("config", [{}, {"shift": 3.0}, {"shift": 1.7, "num_train_timesteps": 500}])
@pytest.mark.parametrize("steps", [1, 4, 7])
def test_its_times_are_those_of_diffusers(config: dict[str, Any], steps: int) -> None:
    theirs = times.scheduled(FlowMatchEulerDiscreteScheduler(**config), steps)
    ours = times.shifted(config, steps)
    assert times.is_plain(config)
    assert ours.noise == theirs.noise and torch.stack([*ours.told]).equal(torch.stack([*theirs.told]))


def test_another_kind_of_schedule_is_asked_of_diffusers(tmp_path: Path) -> None:
    folder = write_painter(tmp_path / "painter")
    FlowMatchEulerDiscreteScheduler(use_karras_sigmas=True).save_pretrained(folder / "scheduler")
    noise = open_parts(folder, CPU).course(4).times  # type: ignore[attr-defined]
    assert noise[0] > noise[1] > noise[-1] == 0 and noise != pytest.approx([1, 0.75, 0.5, 0.25, 0])


def test_the_starter_opens_without_the_libraries_that_take_seconds() -> None:
    code = """
import sys, torch
from avatar.checkpoint import STARTER
from avatar.parts import import_libraries, open_parts
import_libraries(STARTER)
open_parts(STARTER, torch.device("cpu"))
print([name for name in ("diffusers", "transformers", "peft", "bitsandbytes", "torch._dynamo") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
