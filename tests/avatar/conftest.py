"""What the avatar tests share: a tiny untrained painter in the real folder format, personas, and a device."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from inference.gpu import Gpu
from persona.card import Card, Persona
from tests.avatar.pictures import face_mask, face_picture

PATCH, SIZE = 4, 32
PROMPTS = {"neutral": "neutral, calm face", "joy": "a big happy smile", "sadness": "sad, a tear", "anger": "furious"}


@pytest.fixture(scope="session")
def painter_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A painter of some 100,000 random weights, saved by diffusers itself."""
    from diffusers import FlowMatchEulerDiscreteScheduler, UNet2DConditionModel

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=SIZE // PATCH,
        in_channels=7 * PATCH**2,
        out_channels=3 * PATCH**2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(32, 64),
        layers_per_block=1,
        cross_attention_dim=384,
        attention_head_dim=8,
        norm_num_groups=8,
    )
    folder = tmp_path_factory.mktemp("painter")
    unet.half().save_pretrained(folder / "unet")
    FlowMatchEulerDiscreteScheduler().save_pretrained(folder / "scheduler")
    (folder / "codec.json").write_text(json.dumps({"kind": "patch", "patch": PATCH, "size": SIZE}))
    index = {
        "unet": ["diffusers", "UNet2DConditionModel"],
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


@pytest.fixture(scope="session")
def prompt_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache of prompt embeddings for all tests: the encoder is loaded once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
async def gpu() -> AsyncIterator[Gpu]:
    """The device: here, the CPU with its own thread."""
    async with Gpu("cpu", threads=1) as gpu:
        yield gpu


@pytest.fixture(scope="session")
def card() -> Card:
    """Four expressions with prompts."""
    expressions = {name: {"emotions": [name], "prompt": prompt} for name, prompt in PROMPTS.items()}
    return Card.model_validate({"name": "Dot", "description": "A face of circles.", "expressions": expressions})


@pytest.fixture
def make_persona(tmp_path: Path, card: Card) -> Callable[..., Persona]:
    """A persona folder around any picture and mask; without a mask in the folder if that is None."""

    def make(picture: Image.Image, mask: Image.Image | None, slug: str = "dot") -> Persona:
        folder = tmp_path / slug
        folder.mkdir(exist_ok=True)
        picture.save(folder / "base.png")
        if mask is not None:
            mask.save(folder / "mask.png")
        return Persona(slug, folder, card, folder / "base.png", None if mask is None else folder / "mask.png")

    return make


@pytest.fixture
def dot(make_persona: Callable[..., Persona]) -> Persona:
    """A round face on blue, 96 pixels wide, and a mask over its features."""
    return make_persona(face_picture(96), face_mask(96))
