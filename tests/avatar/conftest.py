"""What the avatar tests share: a tiny untrained painter, personas, and a device."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from PIL import Image

from inference.gpu import Gpu
from persona.card import Card, Persona
from tests.avatar.pictures import face_mask, face_picture
from tests.tiny_painter import write_painter

PROMPTS = {"neutral": "neutral, calm face", "joy": "a big happy smile", "sadness": "sad, a tear", "anger": "furious"}


@pytest.fixture(scope="session")
def painter_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny untrained painter."""
    return write_painter(tmp_path_factory.mktemp("painter"))


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
