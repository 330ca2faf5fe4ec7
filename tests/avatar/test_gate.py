from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from avatar.composite import Cutting, cut
from avatar.expression import ExpressionSpec, blended, spec_for
from avatar.gate import SEAM, Seen, Wish, judge, wish_for
from avatar.mask import Floats, Portrait
from avatar.resampling import smooth
from persona.card import Card
from tests.avatar.pictures import face_mask, face_picture

SIZE = 96
JOY, NEUTRAL = Wish(frozenset({"joy"})), Wish(frozenset({"neutral"}), may_repeat=True)


@pytest.fixture(scope="module")
def cutting() -> Cutting:
    return cut(Portrait(np.asarray(face_picture(192)), np.asarray(face_mask(192)), "digest", ()), SIZE)


def drawn(cutting: Cutting, draw: Callable[[ImageDraw.ImageDraw], None] | None = None, blur: float = 0) -> Floats:
    """The crop with something drawn onto it."""
    picture = Image.fromarray(np.rint(cutting.pixels * 255).astype(np.uint8))
    if draw is not None:
        draw(ImageDraw.Draw(picture))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(blur)), np.float32) / 255


def test_another_mouth_is_fit_to_be_seen(cutting: Cutting) -> None:
    painted = drawn(
        cutting, lambda draw: draw.ellipse((36, 56, 60, 76), fill=(150, 30, 40), outline=(30, 20, 20), width=2)
    )
    assert judge(cutting, painted, JOY).fit


def test_the_base_picture_is_fit_for_the_neutral_face_only(cutting: Cutting) -> None:
    assert judge(cutting, cutting.pixels, JOY).why == "the same as the base picture"
    assert judge(cutting, cutting.pixels, NEUTRAL).fit


def test_a_face_without_features_is_blank(cutting: Cutting) -> None:
    skin = np.median(cutting.pixels[cutting.mask > 0], axis=0)
    bare = np.where(cutting.mask[..., None] > 0, skin, cutting.pixels).astype(np.float32)
    assert judge(cutting, bare, JOY).why == "blank"


def without(cutting: Cutting, rows: slice) -> Floats:
    """The base picture with nothing but skin in these rows of the mask."""
    skin, erased = np.median(cutting.pixels[cutting.mask > 0], axis=0), np.zeros_like(cutting.mask)
    erased[rows] = cutting.mask[rows]
    return np.where(erased[..., None] > 0, skin, cutting.pixels).astype(np.float32)


@pytest.mark.parametrize("rows", [slice(0, SIZE // 2), slice(SIZE // 2, SIZE)])
def test_a_face_without_eyes_or_without_a_mouth_is_refused(cutting: Cutting, rows: slice) -> None:
    verdict = judge(cutting, without(cutting, rows), JOY)
    assert verdict.why == "without features" and verdict.broken


def test_an_edge_that_can_be_seen_is_a_flaw_but_no_breakage(cutting: Cutting) -> None:
    left = np.arange(SIZE)[None, :] < 40
    patched = cutting.pixels * (1 - np.float32(0.45) * (left * cutting.mask)[..., None])
    verdict = judge(cutting, patched, NEUTRAL)
    assert verdict.why == "a visible edge" and not verdict.fit and not verdict.broken
    assert verdict.figures["seam"] > SEAM > judge(cutting, cutting.pixels, NEUTRAL).figures["seam"]
    assert verdict.score < judge(cutting, cutting.pixels, NEUTRAL).score


def test_numbers_that_are_none_are_refused(cutting: Cutting) -> None:
    broken = cutting.pixels.copy()
    broken[40, 40, 1] = np.nan
    assert judge(cutting, broken, NEUTRAL).why == "numbers that are no numbers"


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda face: face * 6 - 2, "colours out of range"),
        (lambda face: face[..., ::-1], "another colour altogether"),
        (lambda face: 1 - face, "another colour altogether"),
        (lambda face: np.random.default_rng(0).normal(face, 0.3).clip(0, 1), "noise"),
    ],
)
def test_a_spoilt_face_is_refused(cutting: Cutting, spoil: Callable[[Floats], Floats], why: str) -> None:
    assert judge(cutting, np.asarray(spoil(cutting.pixels), np.float32), JOY).why == why


def test_a_blurred_face_is_refused(cutting: Cutting) -> None:
    assert judge(cutting, drawn(cutting, blur=5), JOY).why == "blurred"


def test_blotches_over_the_features_are_smudges(cutting: Cutting) -> None:
    blots = np.random.default_rng(0).normal(0, 1, (SIZE, SIZE, 3)).astype(np.float32)
    blots = smooth(blots, 1) * cutting.mask[..., None] * 0.6
    assert judge(cutting, (cutting.pixels + blots).clip(0, 1), JOY).why == "smudged"


def test_every_verdict_is_a_plain_truth_value(cutting: Cutting) -> None:
    assert judge(cutting, cutting.pixels, NEUTRAL).fit is True and judge(cutting, cutting.pixels, JOY).fit is False


def said(cutting: Cutting, wish: Wish, **what: object) -> tuple[str, bool]:
    """Why the gate refuses another mouth when a recogniser says this of it, and whether it calls it broken."""
    painted = drawn(cutting, lambda draw: draw.ellipse((36, 56, 60, 76), fill=(150, 30, 40)))
    seen = Seen(**({"shows": {"joy": 0.6, "amusement": 0.3}, "at_least": 0.2, "furthest": 0.5} | what))  # type: ignore[arg-type]
    verdict = judge(cutting, painted, wish, seen)
    assert verdict.fit is (not verdict.why) and verdict.figures["distance"] == seen.distance
    return verdict.why, verdict.broken


def test_what_a_recogniser_sees_decides_with_the_pixels(cutting: Cutting) -> None:
    assert said(cutting, JOY) == ("", False)
    assert said(cutting, Wish(frozenset({"sadness"}))) == ("another expression", False)
    assert said(cutting, Wish(frozenset({"sadness", "amusement"}))) == ("", False)
    assert said(cutting, Wish()) == ("", False)
    assert said(cutting, JOY, broken=0.8, most_broken=0.5) == ("broken", True)
    assert said(cutting, JOY, distance=0.6) == ("another character", True)


def test_the_likelier_face_scores_higher(cutting: Cutting) -> None:
    painted = drawn(cutting, lambda draw: draw.ellipse((36, 56, 60, 76), fill=(150, 30, 40)))
    unlikely, likely = (judge(cutting, painted, JOY, Seen({"joy": share, "fear": 0.1})).score for share in (0.3, 0.8))
    strange = judge(cutting, painted, JOY, Seen({"joy": 0.8, "fear": 0.1}, distance=0.4)).score
    assert unlikely < strange < likely


def test_an_expression_of_ones_own_is_judged_by_what_its_card_maps_to_it(card: Card) -> None:
    own = {"sulking": {"emotions": {"anger": 1.0, "sadness": 0.5, "joy": 0.0}, "prompt": "arms crossed"}}
    mine = Card.model_validate(card.model_dump() | {"expressions": card.model_dump()["expressions"] | own})
    assert wish_for(mine, spec_for(mine, "sulking")) == Wish(frozenset({"anger", "sadness"}))
    assert wish_for(mine, spec_for(mine, "joy")) == JOY and wish_for(mine, spec_for(mine, "neutral")) == NEUTRAL
    assert wish_for(mine, ExpressionSpec("whatever", "a prompt of one's own")) == Wish()


def test_what_lies_between_two_expressions_may_show_either(card: Card) -> None:
    half = blended(spec_for(card, "neutral"), spec_for(card, "joy"), 2)
    assert wish_for(card, half) == Wish(frozenset({"neutral", "joy"}))


@pytest.mark.parametrize("size", [500, 1024])
def test_a_large_models_crop_is_judged_like_a_small_one(size: int) -> None:
    large = cut(Portrait(np.asarray(face_picture(192)), np.asarray(face_mask(192)), "digest", ()), size)
    assert judge(large, large.pixels, NEUTRAL).fit
    assert judge(large, np.where(large.mask[..., None] > 0, 0.7, large.pixels).astype(np.float32), JOY).why == "blank"
