from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from avatar.attempts import ATTEMPTS
from avatar.clip import AMONG, ClipFaces, clip_folder, critic_bytes, texts_of
from avatar.composite import Cutting, cut
from avatar.critic import DrawnFaces
from avatar.expression import spec_for
from avatar.gate import Seen, Verdict, Wish
from avatar.mask import Floats, Portrait
from avatar.painter import Painter
from avatar.recogniser import Recogniser
from avatar.shelf import Shelf
from avatar.wardrobe import Order
from emotion.labels import EMOTIONS
from inference.gpu import Gpu
from inference.job import ModelMissing
from inference.residency import Residency
from persona.card import Persona
from tests.avatar.pictures import face_mask, face_picture
from tests.inference.tiny_card import TinyCard
from tests.tiny_clip import write_clip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture
def cutting() -> Cutting:
    return cut(Portrait(np.asarray(face_picture(96)), np.asarray(face_mask(96)), "digest", ()), 64)


def looked(clip: ClipFaces, persona: Persona, cutting: Cutting, residency: Residency) -> Seen:
    """What it says of the base picture itself."""
    spec = spec_for(persona.card, "joy")
    order = Order(persona, spec, None, "key")  # type: ignore[arg-type]  # the portrait is not looked at
    steps = clip.look(order, cutting, cutting.pixels, residency)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def by_transformers(folder: Path, texts: tuple[str, ...], pixels: Floats) -> list[float]:
    """The same question to transformers' own forward pass."""
    from transformers import AutoTokenizer, CLIPModel

    model: Any = CLIPModel.from_pretrained(folder).eval()
    tokens = AutoTokenizer.from_pretrained(folder)(
        list(texts), padding=True, truncation=True, max_length=16, return_tensors="pt"
    )
    small = torch.nn.functional.interpolate(
        torch.from_numpy(pixels).permute(2, 0, 1)[None], (32, 32), mode="bicubic", antialias=True
    )
    mean, spread = (torch.tensor(one)[None, :, None, None] for one in ([0.48, 0.46, 0.41], [0.27, 0.26, 0.28]))
    with torch.inference_mode():
        found = model(**tokens, pixel_values=(small - mean) / spread).logits_per_image[0].softmax(0)
    return found.tolist()  # type: ignore[no-any-return]


def test_a_face_is_compared_with_the_cards_own_words(folder: Path, dot: Persona, cutting: Cutting) -> None:
    texts = dict(zip(EMOTIONS, texts_of(dot.card), strict=True))
    assert texts["joy"] == "a drawing of a face, a big happy smile" and texts["pride"] == "a drawing of a face, pride"
    residency = Residency(TinyCard(1 << 20))
    seen = looked(ClipFaces(str(folder), DrawnFaces(Recogniser())), dot, cutting, residency)
    said = by_transformers(folder, texts_of(dot.card), cutting.pixels)
    assert list(seen.shows) == list(EMOTIONS) and list(seen.shows.values()) == pytest.approx(said, abs=1e-4)
    assert seen.at_least == sorted(seen.shows.values())[-AMONG]


def test_its_weights_are_a_guest_and_leave(folder: Path, dot: Persona, cutting: Cutting) -> None:
    card = TinyCard(1 << 20)
    residency = Residency(card)
    clip = ClipFaces(str(folder), DrawnFaces(Recogniser()))
    first = looked(clip, dot, cutting, residency)
    assert [(one.name, one.here) for one in residency.residents] == [("recogniser", True)]
    assert [card.taken] == pytest.approx(critic_bytes(str(folder)), rel=0.05) and critic_bytes("starter") == []
    residency.send_out()
    assert looked(clip, dot, cutting, residency) == first
    clip.dismiss(residency)
    assert residency.residents == () and card.taken == 0


async def test_a_painter_asks_the_model_that_is_named(
    gpu: Gpu, painter_path: Path, prompt_cache: Path, tmp_path: Path, folder: Path, dot: Persona
) -> None:
    asked: list[Seen | None] = []

    def judge(cutting: Cutting, painted: Floats, wish: Wish, seen: Seen | None) -> Verdict:
        asked.append(seen)
        return Verdict(False, "another expression", score=0.1)

    shelf = Shelf(tmp_path / "shelf")
    async with Painter(gpu, str(painter_path), prompt_cache, shelf, critic=str(folder), judge=judge) as painter:
        assert (await painter.paint(dot, spec_for(dot.card, "joy"))).painted
    assert len(asked) == ATTEMPTS and all(seen is not None and seen.at_least > 0 for seen in asked)
    assert gpu.residency.residents == ()


def test_an_unusable_folder_is_a_sentence(folder: Path, tmp_path: Path, dot: Persona, cutting: Cutting) -> None:
    with pytest.raises(ModelMissing, match="There is no recogniser at"):
        clip_folder(str(tmp_path / "none"))
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"short")
    broken = ClipFaces(str(tmp_path), DrawnFaces(Recogniser()))
    with pytest.raises(ModelMissing, match="cannot be read"):
        looked(broken, dot, cutting, Residency(TinyCard(1 << 20)))
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ModelMissing, match=r"lacks model\.safetensors"):
        clip_folder(str(tmp_path))
