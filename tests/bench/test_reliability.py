"""The reliability plot tells what is measured, and is seen on black and on white."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from bench.reliability import AFTER, BEFORE, DATA, SIZE, draw, judged, reliability, told
from emotion.labels import EMOTIONS
from emotion.training.ship import Figures


@pytest.fixture(scope="module")
def found() -> Figures:
    """Honest logits that were moved by presence counting three times."""
    generator = torch.Generator().manual_seed(0)
    honest = torch.randn(2000, len(EMOTIONS), generator=generator) * 2 - 2
    truth = (torch.rand(honest.shape, generator=generator) < honest.sigmoid()).float()
    weight = torch.full((len(EMOTIONS),), 3.0)
    return Figures(honest + weight.log(), truth, weight)


def test_shares_of_tenths_are_counted() -> None:
    points = reliability(torch.tensor([[0.05, 0.92, 0.98]]), torch.tensor([[0.0, 1.0, 0.0]]))
    assert points == [pytest.approx((0.05, 0, 1)), pytest.approx((0.95, 0.5, 2))]


def test_both_curves_are_drawn_and_read_on_either_ground(found: Figures) -> None:
    picture = draw(found)
    assert picture.size == (SIZE, SIZE)
    for ground in ("black", "white"):
        page = Image.new("RGBA", picture.size, ground)
        page.alpha_composite(picture)
        colours = {colour for _, colour in page.getcolors(SIZE * SIZE) or []}
        assert {BEFORE, AFTER} <= colours


def test_calibration_pays_where_presence_counted_more(found: Figures) -> None:
    figures = told(found)
    assert float(figures["dev_ece_after"]) < 0.2 * float(figures["dev_ece_before"])
    assert len([name for name in figures if name.startswith("f1 of ")]) == len(EMOTIONS)


def test_absent_texts_are_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert judged(tmp_path) is None
    assert "dev.tsv is not there" in capsys.readouterr().out


@pytest.mark.skipif(not DATA.is_dir(), reason="GoEmotions is not beside the checkout")
def test_the_shipped_classifier_is_as_good_as_its_card_says() -> None:
    found = judged()
    assert found is not None
    assert float(told(found)["dev_macro_f1"]) > 0.53
