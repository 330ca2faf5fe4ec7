"""The painter and the personas that come with Mien: every face of every persona, through the whole way to the shelf."""

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avatar.checkpoint import STARTER
from avatar.expression import spec_for
from avatar.mask import open_portrait
from avatar.painter import Painter
from avatar.picture import open_picture
from avatar.shelf import Face, Shelf, avatar_bytes
from inference.gpu import Gpu
from persona.card import Persona, load_persona
from tests.avatar.pictures import outside_is_untouched

PERSONAS = Path(__file__).parents[2] / "personas"
NAMES = sorted(path.parent.name for path in PERSONAS.glob("*/persona.toml"))

pytestmark = pytest.mark.skipif(
    not (STARTER / "unet").is_dir(), reason="the starter checkpoint is not in avatar/starter"
)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shelf and cache for all tests here: every face is painted once."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture
async def painter(gpu: Gpu, state: Path) -> AsyncIterator[Painter]:
    async with Painter(gpu, "starter", state / "cache", Shelf(state / "shelf")) as painter:
        yield painter


async def faces_of(painter: Painter, persona: Persona) -> dict[str, Face]:
    return {name: await painter.paint(persona, spec_for(persona.card, name)) for name in persona.card.expressions}


@pytest.mark.parametrize("name", NAMES)
async def test_every_expression_is_painted_and_nothing_outside_the_mask_changes(painter: Painter, name: str) -> None:
    persona = load_persona(name, [PERSONAS])
    base, mask = open_picture(persona.base), open_portrait(persona.base, persona.mask).mask
    faces = await faces_of(painter, persona)
    assert [face.expression for face in faces.values()] == list(persona.card.expressions), painter.refused.counts
    for face in faces.values():
        assert outside_is_untouched(base, face.path, Image.fromarray(mask))
        assert len(avatar_bytes(face)) < 1_000_000


@pytest.mark.parametrize("name", NAMES)
async def test_the_faces_of_a_persona_can_be_told_apart(painter: Painter, name: str) -> None:
    """Any two differ visibly (30 of 255 levels or more) in at least a hundredth of the mask."""
    persona = load_persona(name, [PERSONAS])
    inside = open_portrait(persona.base, persona.mask).mask > 0
    faces = await faces_of(painter, persona)
    pictures = {name: np.asarray(open_picture(face.path), np.int16)[inside] for name, face in faces.items()}
    for one in pictures:
        for other in pictures:
            differs = (np.abs(pictures[one] - pictures[other]).max(-1) >= 30).mean()
            assert one == other or differs > 0.01, f"{one} and {other} differ in {differs:.2%} of the mask"
