"""The figures of the starter painter: what they say about paintings whose faults are known. Drawing needs resvg_py."""

import importlib.util
from pathlib import Path

import pytest
import torch

from avatar.starter.expressions import LABELS
from avatar.starter.measure import MAIN, compare, tone
from avatar.starter.strangers import STRANGERS, card
from avatar.starter.subjects import Subject, by_lot, held_out, strangers
from persona.card import load_persona

PUBLISHED = Path(__file__).parents[3] / "shared/data/avatars"
needs_resvg = pytest.mark.skipif(
    importlib.util.find_spec("resvg_py") is None, reason="drawing pixels needs resvg_py (pip install mien[train])"
)


@pytest.fixture(scope="module")
def stranger() -> Subject:
    return next(strangers())


def test_the_main_expressions_are_twelve_of_the_labels() -> None:
    assert len(set(MAIN)) == 12
    assert set(MAIN) < set(LABELS)


def test_a_strangers_card_can_be_worn(tmp_path: Path) -> None:
    for name in STRANGERS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "persona.toml").write_text(card(name), encoding="utf-8")
        (tmp_path / name / "base.png").write_bytes(b"")
        assert set(load_persona(name, [tmp_path]).card.expressions) == set(LABELS)


@needs_resvg
def test_the_drawings_themselves_are_without_fault(stranger: Subject) -> None:
    figures = compare(stranger, stranger.drawn)
    assert figures["error"] == pytest.approx(0, abs=1e-4)
    assert figures["found"] == 1
    assert figures["crisp"] == pytest.approx(1)
    assert figures["tone"] == pytest.approx(0, abs=1e-2)


@needs_resvg
def test_a_painting_that_is_too_red_shows_in_its_tone_and_a_blurred_one_in_its_edges(stranger: Subject) -> None:
    red = stranger.drawn.clone()
    red[:, 0] += 6 / 127.5
    assert tone(stranger, red)[1] == pytest.approx(2, abs=0.01)  # six levels in one of three channels
    blurred = torch.nn.functional.avg_pool2d(stranger.drawn, 5, stride=1, padding=2)
    assert compare(stranger, blurred)["crisp"] < 0.6
    assert compare(stranger, blurred)["error"] > 2


@needs_resvg
def test_a_face_that_is_another_expressions_is_not_found(stranger: Subject) -> None:
    assert compare(stranger, stranger.drawn.roll(1, 0))["found"] == 0


@needs_resvg
def test_characters_by_lot_have_skin_of_every_brightness() -> None:
    bands = [tone(subject, subject.drawn)[0] for subject in by_lot()]
    assert len(bands) == 15
    assert set(bands) == {0, 1, 2, 3, 4}


@needs_resvg
@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published portraits are not beside the checkout")
def test_the_held_out_heads_are_eight_with_faces_for_all_main_expressions() -> None:
    subjects = list(held_out(PUBLISHED))
    assert len(subjects) == 8
    assert all(set(MAIN) < set(subject.labels) for subject in subjects)
    assert all((subject.drawn != subject.base).any() for subject in subjects)
