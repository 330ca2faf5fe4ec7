"""LoRAs by every trainer's names, in the weights and beside them."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from avatar.lora import add_loras
from avatar.recipe import LoraFile, Recipe, fast_lora
from inference.job import ModelMissing
from tests.tiny_families import tiny_clip, tiny_unet

RANK, ALPHA = 2, 1.0
QUERY = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
CONV = "up_blocks.0.resnets.1.conv1"
SGM = {  # the first code's names of the same two layers, in a network with one resnet to a block on the way down
    QUERY: "input_blocks_1_1_transformer_blocks_0_attn1_to_q",
    CONV: "output_blocks_1_0_in_layers_2",
}


def pair(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """down and up for a layer, random."""
    weight = layer.get_parameter("weight")
    generator = torch.Generator().manual_seed(weight.numel())
    down = torch.randn(RANK, *weight.shape[1:], generator=generator)
    up = torch.randn(len(weight), RANK, *[1] * (weight.dim() - 2), generator=generator)
    return down, up


def named(style: str, path: str, down: Tensor, up: Tensor) -> dict[str, Tensor]:
    """A layer's tensors as a trainer names them."""
    kohya = f"lora_unet_{SGM[path] if style == 'kohya sgm' else path.replace('.', '_')}"
    match style:
        case "kohya" | "kohya sgm":
            name, ends, alpha = kohya, ("lora_down", "lora_up"), {f"{kohya}.alpha": torch.tensor(ALPHA)}
        case "peft":
            name, ends, alpha = f"base_model.model.unet.{path}", ("lora_A", "lora_B"), {}
        case "diffusers":
            name, ends, alpha = f"unet.{path}", ("lora.down", "lora.up"), {}
        case _:
            name = f"unet.{path}".replace("attn1.to_q", "attn1.processor.to_q_lora")
            ends, alpha = (("down", "up") if "to_q" in path else ("lora.down", "lora.up")), {}
    return {f"{name}.{ends[0]}.weight": down, f"{name}.{ends[1]}.weight": up, **alpha}


def written(file: Path, tensors: dict[str, Tensor], **metadata: str) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, file, metadata or None)
    return file


def lora_file(folder: Path, unet: nn.Module, style: str) -> Path:
    tensors: dict[str, Tensor] = {}
    for path in (QUERY, CONV):
        tensors |= named(style, path, *pair(unet.get_submodule(path)))
    return written(folder / f"{style}.safetensors", tensors)


def ask(unet: nn.Module) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    sample, prompt = torch.randn(1, 4, 8, 8, generator=generator), torch.randn(1, 5, 16, generator=generator)
    with torch.inference_mode():
        said: Tensor = unet(sample, torch.tensor(500), encoder_hidden_states=prompt).sample
    return said


@pytest.mark.parametrize("style", ["kohya", "kohya sgm", "peft", "diffusers", "old diffusers"])
def test_a_lora_is_the_product_of_its_halves_by_any_name(tmp_path: Path, style: str) -> None:
    unet = tiny_unet(4).eval()
    before = {path: unet.get_submodule(path).weight.clone() for path in (QUERY, CONV)}
    add_loras(unet, "unet", Recipe(loras=(LoraFile(lora_file(tmp_path, unet, style), 0.5),)))
    scale = 0.5 * (ALPHA / RANK if "kohya" in style else 1.0)
    for path, weight in before.items():
        down, up = pair(unet.get_submodule(path))
        expected = weight + scale * (up.flatten(1) @ down.flatten(1)).reshape(weight.shape)
        assert torch.allclose(unet.get_submodule(path).weight, expected, atol=1e-6)


def test_beside_the_weights_it_says_the_same_as_in_them(tmp_path: Path) -> None:
    plain, fused, beside = tiny_unet(4).eval(), tiny_unet(4).eval(), tiny_unet(4).eval()
    loras = (LoraFile(lora_file(tmp_path, plain, "kohya"), 0.7), LoraFile(lora_file(tmp_path, plain, "peft"), -0.2))
    add_loras(fused, "unet", Recipe(loras=loras))
    add_loras(beside, "unet", Recipe(loras=loras, fuse=False))
    assert torch.equal(beside.get_submodule(QUERY).weight, plain.get_submodule(QUERY).weight)
    assert len(list(beside.buffers())) == len(list(plain.buffers())) + 8  # they come and go with the weights
    assert torch.allclose(ask(fused), ask(beside), atol=1e-4)
    assert not torch.allclose(ask(fused), ask(plain), atol=1e-2)


def test_alphas_that_diffusers_writes_beside_the_tensors_count(tmp_path: Path) -> None:
    unet, tensors = tiny_unet(4).eval(), {}
    down, up = pair(unet.get_submodule(QUERY))
    tensors |= named("peft", QUERY, down, up)
    told = json.dumps({"unet.r": RANK, "unet.lora_alpha": 4 * RANK})
    before = unet.get_submodule(QUERY).weight.clone()
    file = written(tmp_path / "told.safetensors", tensors, lora_adapter_metadata=told)
    add_loras(unet, "unet", Recipe(loras=(LoraFile(file),)))
    assert torch.allclose(unet.get_submodule(QUERY).weight, before + 4 * up @ down, atol=1e-5)


@pytest.mark.parametrize("prefix", ["lora_te_", "lora_te1_", "text_encoder."])
def test_a_text_encoders_layers_are_found_by_the_names_of_older_libraries(tmp_path: Path, prefix: str) -> None:
    clip = tiny_clip()
    [path] = [name for name, _ in clip.named_modules() if name.endswith("layers.1.mlp.fc2")]
    bare = f"text_model.{path.removeprefix('text_model.')}"
    down, up = pair(clip.get_submodule(path))
    name = prefix + (bare if prefix.endswith(".") else bare.replace(".", "_"))
    file = written(tmp_path / "te.safetensors", {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up})
    before = clip.get_submodule(path).weight.clone()
    add_loras(clip, "text_encoder_2", Recipe(loras=(LoraFile(file),)))
    assert torch.equal(clip.get_submodule(path).weight, before)  # it is not the second encoder's
    add_loras(clip, "text_encoder", Recipe(loras=(LoraFile(file),)))
    assert torch.allclose(clip.get_submodule(path).weight, before + up @ down, atol=1e-5)


def test_a_layer_that_sees_more_than_it_was_trained_with_is_widened(tmp_path: Path) -> None:
    unet = tiny_unet(9).eval()
    down, up = torch.randn(RANK, 4, 3, 3), torch.randn(16, RANK, 1, 1)
    names = {"unet.conv_in.lora_A.weight": down, "unet.conv_in.lora_B.weight": up}
    before = unet.conv_in.weight.clone()
    add_loras(unet, "unet", Recipe(loras=(LoraFile(written(tmp_path / "in.safetensors", names)),)))
    assert torch.equal(unet.conv_in.weight[:, 4:], before[:, 4:])
    assert not torch.equal(unet.conv_in.weight[:, :4], before[:, :4])


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        ({"lora_unet_nowhere.lora_down.weight": (2, 4), "lora_unet_nowhere.lora_up.weight": (4, 2)}, "does not fit"),
        ({f"unet.{QUERY}.lora_A.weight": (2, 5), f"unet.{QUERY}.lora_B.weight": (16, 2)}, "does not fit"),
        ({f"unet.{QUERY}.lora_A.weight": (2, 16)}, "not all of it"),
        ({f"lora_unet_{QUERY}.hada_w1_a": (2, 2)}, "another kind than LoRA"),
        ({f"unet.{QUERY}.weight": (2, 2)}, "no LoRA"),
    ],
)
def test_a_lora_that_does_not_fit_is_one_sentence(
    tmp_path: Path, tensors: dict[str, tuple[int, int]], says: str
) -> None:
    file = written(tmp_path / "x.safetensors", {name: torch.zeros(shape) for name, shape in tensors.items()})
    with pytest.raises(ModelMissing, match=says) as caught:
        add_loras(tiny_unet(4), "unet", Recipe(loras=(LoraFile(file),)))
    assert str(file) in str(caught.value) and "\n" not in str(caught.value)


def test_pickled_and_missing_loras_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="pickled"):
        add_loras(tiny_unet(4), "unet", Recipe(loras=(LoraFile(tmp_path / "a.ckpt"),)))
    with pytest.raises(ModelMissing, match="cannot be read"):
        add_loras(tiny_unet(4), "unet", Recipe(loras=(LoraFile(tmp_path / "a.safetensors"),)))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("pytorch_lora_weights_lcm", ("lcm", 4)),
        ("sdxl_lightning_8step_lora", ("lightning", 8)),
        ("Hyper-SD15-2steps-lora", ("hyper", 2)),
        ("marigold", None),
    ],
)
def test_few_step_loras_are_known_by_their_names(name: str, found: tuple[str, int] | None) -> None:
    assert fast_lora((LoraFile(Path("loras") / f"{name}.safetensors"),)) == found
