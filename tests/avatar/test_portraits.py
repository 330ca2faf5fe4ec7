"""The drawing code: what makes its pictures exact training pairs. Tests of pixels need resvg_py."""

import importlib.util
import tomllib
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from avatar.starter.cast import CAST
from avatar.starter.expressions import LABELS
from avatar.starter.palette import luminance, random_palette
from avatar.starter.portraits import Character, mask_pixels, mask_svg, portrait, random_character, rasterise
from avatar.starter.style import KINDS

ROOT = Path(__file__).parents[2]
needs_resvg = pytest.mark.skipif(
    importlib.util.find_spec("resvg_py") is None, reason="drawing pixels needs resvg_py (pip install mien[train])"
)


def characters(count: int) -> list[Character]:
    return [random_character(Random(seed)) for seed in range(count)]


def test_the_same_seed_draws_the_same_svg_and_another_seed_another() -> None:
    first, again, other = (portrait(random_character(Random(seed)), "joy") for seed in (5, 5, 6))
    assert first == again
    assert first != other


def test_every_expression_of_a_character_is_a_different_drawing() -> None:
    for character in [*CAST.values(), *characters(20)]:
        assert len({portrait(character, label) for label in LABELS}) == len(LABELS) == 28


def test_every_portrait_is_well_formed_xml_without_broken_numbers() -> None:
    for character in characters(40):
        for label in LABELS:
            document = portrait(character, label)
            ElementTree.fromstring(document)
            assert "nan" not in document


def test_an_unknown_expression_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="smugness"):
        portrait(CAST["marigold"], "smugness")


def test_random_characters_come_in_every_kind() -> None:
    assert {character.build.kind for character in characters(200)} == set(KINDS)


def test_coats_are_as_often_very_dark_or_very_pale_as_in_between() -> None:
    """Five equal bands of brightness: each holds at least 8 % of 2,000 coats (20 % if brightness were exactly even)."""
    random = Random(0)
    bands = np.histogram([luminance(random_palette(random).coat) for _ in range(2000)], bins=5, range=(0, 1))[0]
    assert bands.min() > 160


def test_face_lines_stand_out_from_every_coat() -> None:
    random = Random(1)
    palettes = [random_palette(random) for _ in range(500)]
    assert min(abs(luminance(p.face_line) - luminance(p.coat)) for p in palettes) > 0.2


def test_every_expression_has_at_least_twelve_prompts_and_no_two_share_one() -> None:
    prompts = tomllib.loads((ROOT / "avatar/starter/prompts.toml").read_text(encoding="utf-8"))
    assert set(prompts) == set(LABELS)
    assert min(len(phrasings) for phrasings in prompts.values()) >= 12
    everything = [phrase for phrasings in prompts.values() for phrase in phrasings]
    assert len(set(everything)) == len(everything)


@needs_resvg
def test_expressions_change_nothing_outside_the_mask_and_much_inside() -> None:
    for character in [*CAST.values(), *characters(4)]:
        neutral, mask = rasterise(portrait(character, "neutral")), mask_pixels(character) > 0
        for label in ("joy", "anger", "grief", "fear", "love", "surprise", "embarrassment"):
            changed = (rasterise(portrait(character, label)) != neutral).any(-1)
            assert not (changed & ~mask).any(), (character.build.kind, label)
            assert changed[mask].mean() > 0.05, (character.build.kind, label)


@needs_resvg
def test_any_two_expressions_of_a_character_differ_visibly_at_avatar_size() -> None:
    """At 64 pixels at least 25 of the 4,096 must differ by more than 40 of 255 in some colour."""
    faces = [rasterise(portrait(CAST["marigold"], label), 64).astype(int) for label in LABELS]
    for one in range(len(faces)):
        for two in range(one):
            differing = (np.abs(faces[one] - faces[two]).max(-1) > 40).sum()
            assert differing >= 25, (LABELS[one], LABELS[two])


@needs_resvg
def test_a_view_is_the_same_part_of_the_whole_picture() -> None:
    whole = rasterise(portrait(CAST["juno"], "joy"), 512)
    part = rasterise(portrait(CAST["juno"], "joy", (100.0, 120.0, 256.0)), 256)
    difference = np.abs(whole[120:376, 100:356].astype(int) - part).max(-1)
    assert (difference > 2).mean() < 0.01  # a few curve edges are flattened otherwise
    assert difference.max() < 64


@needs_resvg
@pytest.mark.parametrize("slug", sorted(CAST))
def test_the_committed_base_and_mask_are_what_the_code_draws(slug: str) -> None:
    """Up to 2 of 255: another version of the rasteriser may round differently."""
    drawn = rasterise(portrait(CAST[slug], "neutral")).astype(int)
    base = np.asarray(Image.open(ROOT / "personas" / slug / "base.png").convert("RGB")).astype(int)
    assert np.abs(drawn - base).max() <= 2
    mask = np.asarray(Image.open(ROOT / "personas" / slug / "mask.png"))
    assert set(np.unique(mask)) == {0, 255}
    assert np.array_equal(mask, mask_pixels(CAST[slug]))


def test_the_mask_svg_is_white_on_black_only() -> None:
    fills = {node.get("fill") for node in ElementTree.fromstring(mask_svg(CAST["bram"])).iter() if node.get("fill")}
    assert fills == {"#000000", "#ffffff"}
