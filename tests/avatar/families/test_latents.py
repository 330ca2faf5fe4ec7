"""A portrait is encoded once: counted at the encoder of a real, tiny autoencoder."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from avatar import easel, latents, opening
from avatar.expression import spec_for
from avatar.inpaint import Canvas, inpaint
from avatar.latents import Latents
from avatar.painter import Painter
from avatar.parts import Parts, open_parts
from avatar.recipe import Recipe
from avatar.shelf import Shelf
from inference.gpu import Gpu
from persona.card import Persona
from tests.avatar.families.running import CPU, canvas, run
from tests.avatar.pictures import face_mask, face_picture
from tests.avatar.test_painter import accept
from tests.tiny_families import SIZE, write_taesd

RECIPE = Recipe(guidance=1.0, size=SIZE, steps=2)


def count(parts: Parts) -> list[int]:
    """Gets how many pictures the encoder is given, each time."""
    seen: list[int] = []
    module: Any = parts.codec.module
    module.encoder.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    return seen


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[int]]]:
    """What the encoder of each painter that is opened was given."""
    counts: list[list[int]] = []

    def counted(*asked: Any) -> Parts:
        parts = open_parts(*asked)
        counts.append(count(parts))
        return parts

    monkeypatch.setattr(easel, "open_parts", counted)
    yield counts


async def test_the_second_expression_and_the_next_start_encode_nothing(
    painters: dict[str, Path], tmp_path: Path, make_persona: Callable[..., Persona], encoded: list[list[int]]
) -> None:
    dot, other = make_persona(face_picture(96), face_mask(96)), make_persona(face_picture(80), face_mask(80), "other")
    async with Gpu("cpu", threads=1) as gpu:
        for _ in range(2):
            shelf = Shelf(tmp_path / f"shelf-{len(encoded)}")  # empty: everything is painted again
            async with Painter(
                *(gpu, str(painters["sd inpainting"]), tmp_path / "cache", shelf),
                recipe=RECIPE,
                judge=accept,
                critic="none",
            ) as painter:
                for name in ("joy", "sadness"):
                    assert (await painter.paint(dot, spec_for(dot.card, name))).painted
        assert encoded == [[1, 1], []]  # the whole crop, and the crop without its face
        async with Painter(
            *(gpu, str(painters["sd inpainting"]), tmp_path / "cache", Shelf(tmp_path / "more")),
            recipe=RECIPE,
            judge=accept,
            critic="none",
        ) as painter:
            await painter.paint(other, spec_for(other.card, "joy"))
    assert encoded[2] == [1, 1]


@pytest.mark.parametrize("name", ["sd inpainting", "xl plain", "flux fill"])
def test_what_is_remembered_paints_the_same_to_the_bit(painters: dict[str, Path], tmp_path: Path, name: str) -> None:
    folder, cache = painters[name], tmp_path / "cache"
    faces = [canvas(folder, RECIPE, tmp_path)]
    fresh = run(inpaint(open_parts(folder, CPU, RECIPE), faces, 2))
    first = run(inpaint(open_parts(folder, CPU, RECIPE, cache), faces, 2))
    parts = open_parts(folder, CPU, RECIPE, cache)
    seen = count(parts)
    again = run(inpaint(parts, faces, 2))
    assert torch.equal(fresh[0], first[0]) and torch.equal(fresh[0], again[0])
    assert seen == [] and again[1] == first[1] - 1  # nobody waited for an encoder


def test_another_autoencoder_or_type_is_another_code(
    painters: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, cache = painters["sd plain"], tmp_path / "cache"
    tiny = replace(RECIPE, tiny_vae=write_taesd(tmp_path / "taesd"))
    face = canvas(folder, RECIPE, tmp_path)
    for recipe in (RECIPE, tiny):
        parts = open_parts(folder, CPU, recipe, cache)
        seen = count(parts)
        run(inpaint(parts, [face], 2))
        assert seen == [1]
    monkeypatch.setattr(opening, "has_native_bfloat16", lambda device_type: True)
    parts = open_parts(folder, CPU, RECIPE, cache)
    seen = count(parts)
    run(inpaint(parts, [face], 2))
    assert seen == [1] and len(list((cache / "latents").iterdir())) == 3


def test_several_faces_of_one_portrait_are_encoded_together_once(painters: dict[str, Path], tmp_path: Path) -> None:
    folder = painters["sd inpainting"]
    parts, one = open_parts(folder, CPU, RECIPE), canvas(folder, RECIPE, tmp_path)
    seen = count(parts)
    faces = [one, Canvas(one.pixels, one.mask, one.conditioning, 8), canvas(folder, RECIPE, tmp_path)]
    together, _ = run(inpaint(parts, faces, 2))
    assert seen == [2, 2]  # two portraits
    for place, face in enumerate(faces):
        assert torch.allclose(together[place], run(inpaint(parts, [face], 2))[0][0], atol=2e-3)


def test_damaged_and_too_many_files_are_no_trouble(
    painters: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder, cache = painters["sd plain"], tmp_path / "cache"
    face = canvas(folder, RECIPE, tmp_path)
    parts = open_parts(folder, CPU, RECIPE, cache)
    seen = count(parts)
    first, _ = run(inpaint(parts, [face], 2))
    [file] = (cache / "latents").iterdir()
    file.write_bytes(file.read_bytes()[:-9])
    assert torch.equal(run(inpaint(parts, [face], 2))[0], first) and seen == [1, 1]
    assert torch.equal(run(inpaint(parts, [face], 2))[0], first) and seen == [1, 1]  # mended
    monkeypatch.setattr(latents, "MOST_FILES", 2)
    kept = Latents(tmp_path / "few", "r")
    for value in range(4):
        kept.keep(kept.file(torch.full((3, 8, 8), float(value))), torch.zeros(1))
    assert len(list((tmp_path / "few").iterdir())) == 2
    (tmp_path / "blocked").write_bytes(b"a file where a folder should be")
    blocked = Latents(tmp_path / "blocked", "r")
    blocked.keep(blocked.file(torch.zeros(3, 8, 8)), torch.zeros(1))
    assert "could not be kept" in caplog.text
