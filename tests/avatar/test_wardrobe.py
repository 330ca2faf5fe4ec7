"""Faces that are there already: found without a model, and seen from near."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from avatar.checkpoint import STARTER, revision_of
from avatar.expression import blended, spec_for
from avatar.picture import to_png
from avatar.recipe import Recipe
from avatar.shelf import Shelf
from avatar.wardrobe import Wardrobe
from persona.card import Persona


def test_a_close_up_is_the_painted_part_of_the_face_on_the_shelf(tmp_path: Path, dot: Persona) -> None:
    wardrobe = Wardrobe(Shelf(tmp_path / "shelf"), "some painter")
    order = wardrobe.order(dot, spec_for(dot.card, "joy"))
    crop = order.portrait.crop
    painted = Image.new("RGB", order.portrait.image.size, (1, 2, 3))
    painted.paste((200, 100, 50), (crop.left, crop.top, crop.left + crop.side, crop.top + crop.side))
    wardrobe.shelf.put(order.key, to_png(painted))
    seen = wardrobe.close_up(dot, "joy")
    assert seen.size == (crop.side, crop.side)
    assert (np.asarray(seen.convert("RGB")) == (200, 100, 50)).all()
    assert wardrobe.close_up(dot, "an expression of yesterday's card").size == seen.size


def test_it_knows_the_painter_by_its_files_and_needs_no_torch(tmp_path: Path) -> None:
    assert Wardrobe.of("starter", tmp_path, Recipe(), "starter")._revision == revision_of(STARTER)
    script = "import avatar.wardrobe, avatar.timeline, bot.moodfile, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=False).returncode == 0


def test_every_blend_has_its_own_place_on_the_shelf(tmp_path: Path, dot: Persona) -> None:
    wardrobe = Wardrobe(Shelf(tmp_path / "shelf"), "some painter")
    joy, sadness, anger = (spec_for(dot.card, name) for name in ("joy", "sadness", "anger"))
    specs = [joy, sadness, *(blended(joy, sadness, quarters) for quarters in (1, 2, 3)), blended(joy, anger, 2)]
    keys = [wardrobe.order(dot, spec).key for spec in specs]
    assert len({*keys}) == len(specs)
    wardrobe.shelf.put(keys[0], to_png(Image.new("RGB", (96, 96))))
    assert wardrobe.shelved(dot, specs[3]) is None
    assert wardrobe.nearest(dot, specs[3]).expression == "joy"
