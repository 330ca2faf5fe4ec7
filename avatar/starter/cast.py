"""The three sample characters whose base pictures are committed under personas/. The painter is never trained on them.

python -m avatar.starter.cast           # draws personas/<slug>/base.png and mask.png again, the same bytes
"""

from pathlib import Path

from PIL import Image

from avatar.starter.palette import Palette
from avatar.starter.portraits import Character, mask_pixels, portrait, rasterise
from avatar.starter.style import Build, Style

MARIGOLD = Character(
    build=Build("pony", 152, 138, 2.15, 0.05, "sweep", "mane", "baker", False, ("freckles", "flour")),
    style=Style(
        eyes="anime", eye_x=60, eye_rx=35, eye_ry=44, brow_length=46, brow_weight=8, brow_gap=13, mouth_y=82,
        mouth_width=40, mouth_shift=0, line=6.5, lashes=2,
        palette=Palette("#ffd27a", "#ffe9bd", "#f2703f", "#ffb14d", "#2f9c8f", "#e8556d", "#bfe6e2", "#e4f6ee"),
    ),
    temper=0.7, x=268, y=274, scale=1.02, tilt=0, halo=True,
)  # fmt: skip
BRAM = Character(
    build=Build("cat", 156, 132, 2.2, 0.0, "none", "none", "none", True, ("tabby", "whiskers", "bow tie")),
    style=Style(
        eyes="toon", eye_x=60, eye_rx=33, eye_ry=37, brow_length=60, brow_weight=14, brow_gap=15, mouth_y=80,
        mouth_width=38, mouth_shift=0, line=7, lashes=0,
        palette=Palette("#8d8a99", "#dcd7d3", "#5c5766", "#e8b64c", "#9c2f3f", "#4a5a3c", "#d9c3a0", "#efe0c4"),
    ),
    temper=-0.85, x=256, y=272, scale=1.06, tilt=0, halo=True,
)  # fmt: skip
JUNO = Character(
    build=Build("robot", 156, 132, 3.6, 0.0, "none", "none", "none", False, ("overall", "dark screen")),
    style=Style(
        eyes="led", eye_x=56, eye_rx=28, eye_ry=38, brow_length=48, brow_weight=9, brow_gap=14, mouth_y=62,
        mouth_width=39, mouth_shift=0, line=7, lashes=0,
        palette=Palette("#f1ece4", "#f1ece4", "#f08a3c", "#f08a3c", "#5be8ff", "#3f5f8f", "#2b2a4c", "#433f73"),
    ),
    temper=0.5, x=256, y=276, scale=1.06, tilt=-4, halo=True,
)  # fmt: skip

CAST: dict[str, Character] = {"marigold": MARIGOLD, "bram": BRAM, "juno": JUNO}


def draw_cast(root: Path) -> None:
    """Writes base.png (RGB, 512 x 512, neutral) and mask.png (L, 0 or 255) for each of the three."""
    for slug, character in CAST.items():
        draw(character, root / slug)


def draw(character: Character, folder: Path) -> None:
    """One character's base.png and mask.png, as above."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rasterise(portrait(character, "neutral"))).save(folder / "base.png", optimize=True)
    Image.fromarray(mask_pixels(character)).save(folder / "mask.png", optimize=True)


if __name__ == "__main__":
    draw_cast(Path("personas"))
