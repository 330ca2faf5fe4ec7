"""Open-peeps heads (Pablo Stanley, CC0 1.0) as a second source of training pairs; read from a folder, never copied.

The folder holds `dicebear_open-peeps.json` (templates with {{part:…}} and {{color:…}}) and
`expression_map_proposal.json` (which face shows which label). The last eight heads, in the file's order, are held out
of training.
"""

import json
import re
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt

from avatar.starter.checkpoint import CROP
from avatar.starter.palette import random_palette
from avatar.starter.portraits import rasterise

HELD_OUT_HEADS = 8
FACE_BOX = (58.0, 44.0, 112.0, 102.0)  # where the faces lie, in pixels of a 128-pixel rendering
Pixels = npt.NDArray[np.uint8]


class Peeps:
    """The drawings of one folder. FileNotFoundError when it is not there."""

    def __init__(self, folder: Path) -> None:
        self._style = json.loads((folder / "dicebear_open-peeps.json").read_text(encoding="utf-8"))
        mapping = json.loads((folder / "expression_map_proposal.json").read_text(encoding="utf-8"))["open-peeps"]
        self._faces: dict[str, str] = {}
        for rank in (0, 1):  # a label's own face first, then one it shares
            for face, labels in mapping.items():
                if len(labels) > rank:
                    self._faces.setdefault(labels[rank], face)
        self._faces["neutral"] = "smile"
        self.labels = sorted(self._faces)
        heads = list(self._style["components"]["head"])
        self.training_heads, self.held_out_heads = heads[:-HELD_OUT_HEADS], heads[-HELD_OUT_HEADS:]

    def svg(
        self, head: str, expression: str, colours: dict[str, str], background: str, view: tuple[float, float, float]
    ) -> str:
        """`view` = left, top, side in pixels of a 128-pixel rendering. KeyError for a label without a face."""
        x0, y0, width, height = (float(n) for n in self._style["viewBox"].split())
        parts = {"head": head, "face": self._faces[expression]}
        scale = max(width, height) / 128
        left, top, side = view[0] * scale + x0, view[1] * scale + y0, view[2] * scale
        ground = f'<rect x="{x0}" y="{y0}" width="{width}" height="{height}" fill="{background}"/>'
        body = self._expand(self._style["body"], parts, colours, 0)
        frame = f'viewBox="{left:.2f} {top:.2f} {side:.2f} {side:.2f}"'
        return f'<svg xmlns="http://www.w3.org/2000/svg" {frame} fill="none">{ground}{body}</svg>'

    def _expand(self, template: str, parts: dict[str, str], colours: dict[str, str], depth: int) -> str:
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
        self, random: Random, expressions: list[str], heads: list[str] | None = None
    ) -> tuple[Pixels, list[Pixels], npt.NDArray[np.bool_]]:
        """One coloured head: its neutral face, the faces asked for, the region they lie in; cut and flipped alike."""
        head = random.choice(heads or self.training_heads)
        palette = random_palette(random)
        colours = {"skin": palette.coat, "clothing": palette.cloth, "headContrast": palette.hair}
        left, top, right, bottom = FACE_BOX
        side = (bottom - top) * random.uniform(1.1, 1.5)
        view = (
            (left + right - side) / 2 + random.uniform(-3, 3),
            (top + bottom - side) / 2 + random.uniform(-3, 3),
            side,
        )
        pictures = [
            rasterise(self.svg(head, expression, colours, palette.background, view), CROP)
            for expression in ("neutral", *expressions)
        ]
        region = np.zeros((CROP, CROP), bool)
        x0, y0, x1, y1 = (
            round((edge - start) / side * CROP) for edge, start in zip(FACE_BOX, view[:2] * 2, strict=True)
        )
        region[max(0, y0) : y1, max(0, x0) : x1] = True
        if random.random() < 0.5:
            pictures, region = [picture[:, ::-1] for picture in pictures], region[:, ::-1]
        return pictures[0], pictures[1:], region
