"""Published vector portraits as a second source of training pairs; read from a folder, never copied.

Their drawings are put together from parts (templates with {{part:…}} and {{color:…}}, components by DiceBear): the same
head with other eyes, brows and mouth makes an exact pair. What an expression changes in which style is written down in
`recipes.py`, after looking at every part; a label that no part shows honestly is left out.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
from PIL import Image

from avatar.starter.checkpoint import CROP
from avatar.starter.palette import Palette, luminance, random_palette, shade
from avatar.starter.portraits import rasterise

FRAME = 128.0  # views and face boxes are in pixels of a rendering this wide
Pixels = npt.NDArray[np.uint8]
View = tuple[float, float, float]


@dataclass(frozen=True)
class Recipe:
    """How one style becomes pairs.

    box: where the faces lie, in pixels of a 128-pixel rendering. head: part -> variants one of which a character
    keeps ("" = none). rest: part -> variants of a resting face. faces: label -> the parts in which it differs from
    rest. paint: part -> {colour in the file: template}, for colours that the style does not let choose.
    """

    file: str
    box: tuple[float, float, float, float]
    head: Mapping[str, Sequence[str]]
    rest: Mapping[str, Sequence[str]]
    faces: Mapping[str, Mapping[str, str]]
    paint: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    darkest: float = 0.0  # brightness of the darkest skin on which the style's lines can be seen


class Published:
    """The drawings of one style. FileNotFoundError when they are not in the folder."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self._style = json.loads((folder / recipe.file).read_text(encoding="utf-8"))
        self.recipe = recipe
        self.labels = sorted({*recipe.faces, "neutral"})
        for part, colours in recipe.paint.items():
            for name, drawing in self._style["components"][part].items():
                for old, new in colours.items():
                    drawing = re.sub(f'"{old}"', f'"{new}"', drawing, flags=re.IGNORECASE)
                self._style["components"][part][name] = drawing

    def variants(self, part: str) -> list[str]:
        """The part's drawings in the file's order."""
        return list(self._style["components"][part])

    def svg(self, parts: Mapping[str, str], colours: Mapping[str, str], background: str, view: View) -> str:
        """`view` = left, top, side in pixels of a 128-pixel rendering."""
        x0, y0, width, height = (float(n) for n in self._style["viewBox"].split())
        scale = max(width, height) / FRAME
        left, top, side = view[0] * scale + x0, view[1] * scale + y0, view[2] * scale
        ground = f'<rect x="{x0 - width}" y="{y0 - height}" width="{3 * width}" height="{3 * height}"'
        ground += f' fill="{background}"/>'
        body = self._expand(self._style["body"], parts, colours, 0)
        frame = f'viewBox="{left:.2f} {top:.2f} {side:.2f} {side:.2f}"'
        return f'<svg xmlns="http://www.w3.org/2000/svg" {frame} fill="none">{ground}{body}</svg>'

    def _expand(self, template: str, parts: Mapping[str, str], colours: Mapping[str, str], depth: int) -> str:
        def part(match: re.Match[str]) -> str:
            variants = self._style["components"].get(match[1], {})
            return self._expand(variants.get(parts.get(match[1], ""), ""), parts, colours, depth + 1)

        def colour(match: re.Match[str]) -> str:
            fallback = (self._style["colors"].get(match[1]) or ["000000"])[0]
            return "#" + str(colours.get(match[1], fallback)).lstrip("#")

        if depth > 6:
            raise ValueError("templates nest too deep")
        return re.sub(r"\{\{color:(\w+)\}\}", colour, re.sub(r"\{\{part:(\w+)\}\}", part, template))

    def character(
        self, random: Random, expressions: Sequence[str], base: str = "neutral", **fixed: str
    ) -> tuple[Pixels, list[Pixels], npt.NDArray[np.bool_]]:
        """One coloured head: its base face, the faces asked for, the region they lie in; cut and flipped alike.

        fixed: parts that are not left to chance (head="afro"). KeyError for a label without a face.
        """
        recipe = self.recipe
        choices = {**recipe.head, **recipe.rest}
        worn = {part: random.choice(variants) for part, variants in choices.items()} | fixed
        palette = random_palette(random)
        colours = self._colours(palette)
        view = _view(random, recipe.box)
        scale = random.choice((1, 2, 3))
        pictures = []
        for expression in (base, *expressions):
            parts = worn | ({} if expression == "neutral" else dict(recipe.faces[expression]))
            drawn = rasterise(self.svg(parts, colours, palette.background, view), CROP * scale)
            small = Image.fromarray(drawn).resize((CROP, CROP), Image.Resampling.LANCZOS)
            pictures.append(np.asarray(small))
        region = _region(recipe.box, view)
        if random.random() < 0.5:
            pictures, region = [picture[:, ::-1] for picture in pictures], region[:, ::-1]
        return pictures[0], pictures[1:], region

    def _colours(self, palette: Palette) -> dict[str, str]:
        """The style's colours from a palette; skin no darker than its black lines allow."""
        skin, ink = palette.coat, palette.line
        while luminance(skin) < self.recipe.darkest:
            skin = shade(skin, -0.1)
        lines = dict.fromkeys(("eyes", "eyebrows", "mouth", "nose", "freckles", "glasses", "ink"), ink)
        worn = {"clothing": palette.cloth, "headContrast": palette.hair, "hair": palette.hair, "brow": shade(ink, -0.2)}
        return {"skin": skin, **lines, **worn, "hairAccessories": palette.streak, "earrings": palette.streak}


def _view(random: Random, box: tuple[float, float, float, float]) -> View:
    left, top, right, bottom = box
    side = max(bottom - top, right - left) * random.uniform(1.1, 1.6)
    x, y = (left + right - side) / 2, (top + bottom - side) / 2
    return x + random.uniform(-0.05, 0.05) * side, y + random.uniform(-0.05, 0.05) * side, side


def _region(box: tuple[float, float, float, float], view: View) -> npt.NDArray[np.bool_]:
    region = np.zeros((CROP, CROP), bool)
    x0, y0, x1, y1 = (round((edge - start) / view[2] * CROP) for edge, start in zip(box, view[:2] * 2, strict=True))
    region[max(0, y0) : y1, max(0, x0) : x1] = True
    return region
