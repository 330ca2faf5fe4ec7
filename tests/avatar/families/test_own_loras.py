"""LoRAs that a persona brings: worn beside the network for it alone, switched without opening the network again."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from avatar import easel as easel_module
from avatar.expression import spec_for
from avatar.inpaint import inpaint
from avatar.kind import kind_of
from avatar.own_loras import OwnLoras, own_loras
from avatar.painter import Painter
from avatar.parts import Hosted, open_parts, prompts_of
from avatar.picture import open_picture
from avatar.recipe import LoraFile, Recipe
from avatar.shelf import Shelf
from inference.card import HostCard
from inference.gpu import Gpu
from inference.job import ModelMissing, Priority
from inference.residency import Residency
from persona.card import Card, Persona
from persona.faces import FaceWishes
from tests.avatar.families.running import CPU, PROMPT, canvas, painted, run
from tests.avatar.pictures import face_mask, face_picture
from tests.avatar.test_painter import accept
from tests.inference.tiny_card import TinyCard
from tests.tiny_families import SIZE

VALUE = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_v"
LAYERS = {  # a layer of each family's network, its inputs and outputs
    "sd inpainting": (VALUE, 16, 32),
    "xl plain": (VALUE, 40, 32),
    "flux fill": ("lora_unet_double_blocks_0_img_mlp_2", 128, 32),
}
TEXT = "lora_te_text_model_encoder_layers_0_self_attn_q_proj"
RECIPE = Recipe(guidance=1.0, size=SIZE)


def lora(file: Path, layer: str = VALUE, inputs: int = 16, outputs: int = 32, seed: int = 0) -> Path:
    generator = torch.Generator().manual_seed(seed)
    halves = {
        f"{layer}.lora_down.weight": torch.randn(2, inputs, generator=generator),
        f"{layer}.lora_up.weight": torch.randn(outputs, 2, generator=generator),
    }
    file.parent.mkdir(exist_ok=True, parents=True)
    save_file(halves, file)
    return file


def own(file: Path, weight: float = 1.0) -> OwnLoras:
    return OwnLoras((LoraFile(file, weight),), f"{file} {weight}")


def steps_of(hosted: Hosted, folder: Path, cache: Path, mine: OwnLoras) -> Any:
    """A painting under a persona's LoRAs."""
    hosting = yield from hosted.wear(mine, kind_of(folder).network)
    told = canvas(folder, RECIPE, cache)
    return (yield from inpaint(hosted.parts, [told], 3, hosting=hosting))


@pytest.mark.parametrize("name", list(LAYERS))
def test_a_personas_lora_paints_as_the_same_one_in_the_weights(
    painters: dict[str, Path], tmp_path: Path, name: str
) -> None:
    folder, file = painters[name], lora(tmp_path / "mine.safetensors", *LAYERS[name])
    hosted = open_parts(folder, CPU, RECIPE).host(Residency(HostCard()))
    plain = painted(folder, RECIPE, tmp_path, 3)
    fused = painted(folder, replace(RECIPE, loras=(LoraFile(file, 0.7),)), tmp_path, 3)
    beside, _ = run(steps_of(hosted, folder, tmp_path, own(file, 0.7)))
    assert torch.allclose(beside[0], fused, atol=2e-3) and not torch.allclose(fused, plain, atol=2e-3)
    again, _ = run(steps_of(hosted, folder, tmp_path, OwnLoras()))
    assert torch.equal(again[0], plain)  # it was taken off


def test_two_personas_take_turns_step_by_step(painters: dict[str, Path], tmp_path: Path) -> None:
    folder = painters["sd inpainting"]
    mine = [own(lora(tmp_path / f"{seed}.safetensors", seed=seed)) for seed in (1, 2)]
    hosted = open_parts(folder, CPU, RECIPE).host(Residency(HostCard()))
    alone = [run(steps_of(hosted, folder, tmp_path, one))[0] for one in mine]
    assert not torch.allclose(*alone, atol=2e-3)
    jobs: list[Iterator[None]] = [steps_of(hosted, folder, tmp_path, one) for one in (*mine, OwnLoras())]
    ended: dict[int, Tensor] = {}
    with torch.inference_mode():
        while len(ended) < len(jobs):
            for place, job in enumerate(jobs):
                try:
                    if place not in ended:
                        next(job)
                except StopIteration as end:
                    ended[place] = end.value
    assert torch.equal(ended[0], alone[0]) and torch.equal(ended[1], alone[1])
    assert torch.equal(ended[2][0], painted(folder, RECIPE, tmp_path, 3))


def test_it_comes_to_the_device_and_leaves(painters: dict[str, Path], tmp_path: Path) -> None:
    folder, card = painters["sd inpainting"], TinyCard(8 << 20)
    residency = Residency(card)
    hosted = open_parts(folder, CPU, RECIPE).host(residency)
    run(hosted.wear(own(lora(tmp_path / "mine.safetensors")), "unet"))
    assert [(one.name, one.here) for one in residency.residents] == [
        ("autoencoder", False),
        ("painter", True),
        ("a persona's LoRA", True),
    ]
    hosted.dismiss()
    assert residency.residents == () and card.taken == 0


def test_a_lora_for_another_painter_is_one_sentence(painters: dict[str, Path], tmp_path: Path) -> None:
    hosted = open_parts(painters["xl plain"], CPU, RECIPE).host(Residency(HostCard()))
    with pytest.raises(ModelMissing, match="does not fit this painter"):
        run(hosted.wear(own(lora(tmp_path / "mine.safetensors")), "unet"))


def test_text_encoders_wear_it_too(painters: dict[str, Path], tmp_path: Path) -> None:
    folder = painters["sd inpainting"]
    file = lora(tmp_path / "lightning-me.safetensors", TEXT, 16, 16)  # a name that makes nobody hurry
    plain, mine = (
        run(prompts_of(folder, Recipe(), tmp_path, CPU, loras).embed(PROMPT, [], Residency(HostCard())))[0]
        for loras in ((), (LoraFile(file),))
    )
    assert not torch.equal(plain.tokens, mine.tokens)
    assert plain.unwanted is not None and mine.unwanted is not None


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Persona]:
    """A persona folder of a given name, with what its card says of its face."""

    def persona(slug: str, *loras: object) -> Persona:
        folder = tmp_path / slug
        folder.mkdir(exist_ok=True)
        face_picture(96).save(folder / "base.png")
        face_mask(96).save(folder / "mask.png")
        expressions = {name: {"emotions": [name], "prompt": name} for name in ("neutral", "joy")}
        fields = {"name": slug, "description": "A face.", "expressions": expressions, "face": {"loras": list(loras)}}
        return Persona(slug, folder, Card.model_validate(fields), folder / "base.png", folder / "mask.png")

    return persona


async def test_the_painter_switches_between_personas_and_opens_its_network_once(
    painters: dict[str, Path], tmp_path: Path, make: Callable[..., Persona], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []

    def counted(folder: Path, *more: Any) -> Any:
        opened.append(folder)
        return open_parts(folder, *more)

    monkeypatch.setattr(easel_module, "open_parts", counted)
    cards = [make("ann", "ann.safetensors"), make("bob", {"file": "bob.safetensors", "weight": 0.5}), make("cid")]
    for seed, persona in enumerate(cards[:2]):
        lora(persona.folder / f"{persona.slug}.safetensors", seed=seed)
    recipe = replace(RECIPE, steps=2)
    async with Gpu("cpu", threads=1) as gpu:
        folder = str(painters["sd inpainting"])
        async with Painter(
            gpu, folder, tmp_path, Shelf(tmp_path / "shelf"), recipe=recipe, judge=accept, critic="none"
        ) as painter:
            faces = [await painter.paint(persona, spec_for(persona.card, "joy")) for persona in cards]
            pictures = [np.asarray(open_picture(face.path), int) for face in faces]
            again = await painter.explain(cards[0], spec_for(cards[0].card, "joy"))
            moving = await painter.morph(cards[0], *(spec_for(cards[0].card, name) for name in ("neutral", "joy")))
    assert len(opened) == 1 and moving.painted
    assert all(np.abs(pictures[a] - pictures[b]).max() > 0 for a, b in ((0, 1), (0, 2), (1, 2)))
    assert again[0][1] == faces[0].path.read_bytes()  # the others left nothing behind


def test_it_is_part_of_the_faces_key(tmp_path: Path, make: Callable[..., Persona]) -> None:
    none, missing = own_loras(make("ann")), own_loras(make("ann", "me.safetensors"))
    lora(tmp_path / "ann" / "me.safetensors", seed=1)
    first, lighter = (
        own_loras(make("ann", "me.safetensors")),
        own_loras(make("ann", {"file": "me.safetensors", "weight": 0.5})),
    )
    elsewhere = own_loras(make("ann", str(lora(tmp_path / "hub" / "me.safetensors", seed=2))))
    revisions = [one.revision for one in (none, missing, first, lighter, elsewhere)]
    assert len(set(revisions)) == 5 and revisions[0] == ""
    assert elsewhere.loras[0].file == tmp_path / "hub" / "me.safetensors"
    assert FaceWishes().loras == []


async def test_what_cannot_be_worn_is_one_sentence(
    painters: dict[str, Path], painter_path: Path, tmp_path: Path, make: Callable[..., Persona]
) -> None:
    persona = make("ann", "me.safetensors")
    async with Gpu("cpu", threads=1) as gpu:
        for model, says in (
            (painter_path, "ann brings LoRAs of its own .* but the starter painter takes none"),
            (painters["sd inpainting"], r"ann brings the LoRA .*me\.safetensors, which is not there"),
        ):
            shelf = Shelf(tmp_path / "shelf")
            async with Painter(gpu, str(model), tmp_path, shelf, recipe=RECIPE, judge=accept, critic="none") as painter:
                with pytest.raises(ModelMissing, match=says):
                    await painter.paint(persona, spec_for(persona.card, "joy"), priority=Priority.PORTRAIT)
                with pytest.raises(ModelMissing, match=says):
                    await painter.prewarm(persona)
                assert painter.nearest(persona, spec_for(persona.card, "joy")).path == persona.base  # seen all the same
