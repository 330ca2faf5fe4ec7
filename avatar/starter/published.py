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


@dataclass(frozen=True)
class Outfit:
    """Everything about one character of a style but its feeling: its parts at rest, its colours."""

    parts: Mapping[str, str]
    colours: Mapping[str, str]
    background: str


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

    def outfit(self, random: Random, **fixed: str) -> Outfit:
        """A character of this style by lot. fixed: parts that are not left to chance (head="afro")."""
        choices = {**self.recipe.head, **self.recipe.rest}
        parts = {part: random.choice(variants) for part, variants in choices.items()} | fixed
        palette = random_palette(random)
        return Outfit(parts, self._colours(palette), palette.background)

    def picture(self, outfit: Outfit, expression: str, view: View, scale: int = 1) -> Pixels:
        """(128, 128, 3), drawn `scale` times larger and resized as avatar/composite.py resizes.

        KeyError for a label without a face.
        """
        parts = {**outfit.parts, **self.recipe.faces.get(expression, {})}
        if expression not in self.labels:
            raise KeyError(expression)
        large = rasterise(self.svg(parts, outfit.colours, outfit.background, view), CROP * scale)
        return np.asarray(Image.fromarray(large).resize((CROP, CROP), Image.Resampling.LANCZOS))

    def character(
        self, random: Random, expressions: Sequence[str], base: str = "neutral", **fixed: str
    ) -> tuple[Pixels, list[Pixels], npt.NDArray[np.bool_]]:
        """One coloured head: its base face, the faces asked for, the region they lie in; cut and flipped alike.

        fixed: see outfit. KeyError for a label without a face.
        """
        outfit = self.outfit(random, **fixed)
        view = view_around(
            self.recipe.box, random.uniform(1.1, 1.6), random.uniform(-0.05, 0.05), random.uniform(-0.05, 0.05)
        )
        scale = random.choice((1, 2, 3))
        pictures = [self.picture(outfit, expression, view, scale) for expression in (base, *expressions)]
        region = self.region(view)
        if random.random() < 0.5:
            pictures, region = [picture[:, ::-1] for picture in pictures], region[:, ::-1]
        return pictures[0], pictures[1:], region

    def region(self, view: View) -> npt.NDArray[np.bool_]:
        """Where faces lie in a view, bool (128, 128)."""
        region = np.zeros((CROP, CROP), bool)
        corners = zip(self.recipe.box, view[:2] * 2, strict=True)
        x0, y0, x1, y1 = (round((edge - start) / view[2] * CROP) for edge, start in corners)
        region[max(0, y0) : y1, max(0, x0) : x1] = True
        return region

    def _colours(self, palette: Palette) -> dict[str, str]:
        """The style's colours from a palette; skin no darker than its black lines allow."""
        skin, ink = palette.coat, palette.line
        while luminance(skin) < self.recipe.darkest:
            skin = shade(skin, -0.1)
        lines = dict.fromkeys(("eyes", "eyebrows", "mouth", "nose", "freckles", "glasses", "ink"), ink)
        worn = {"clothing": palette.cloth, "headContrast": palette.hair, "hair": palette.hair, "brow": shade(ink, -0.2)}
        return {"skin": skin, **lines, **worn, "hairAccessories": palette.streak, "earrings": palette.streak}


def view_around(box: tuple[float, float, float, float], context: float, right: float = 0.0, down: float = 0.0) -> View:
    """A square `context` times as wide as the box (left, top, right, bottom) is long, moved by shares of its side."""
    left, top, end, bottom = box
    side = max(bottom - top, end - left) * context
    return (left + end - side) / 2 + right * side, (top + bottom - side) / 2 + down * side, side
