"""Five drawn characters that the painter has never seen: what its figures and its sheets are made on.

    python -m avatar.starter.strangers build/strangers    # a persona folder for each, all 28 expressions

Written by hand and fixed; as different from each other as the drawing code can be.
"""

import argparse
import json
from pathlib import Path

from avatar.starter.cast import draw
from avatar.starter.palette import Palette
from avatar.starter.phrasings import prompts
from avatar.starter.portraits import Character
from avatar.starter.style import Build, Style

OTTILIE = Character(
    build=Build("person", 150, 140, 2.1, 0.12, "curls", "puff", "flower", False, ("freckles",)),
    style=Style(
        eyes="ring", eye_x=59, eye_rx=33, eye_ry=36, brow_length=54, brow_weight=11, brow_gap=14, mouth_y=82,
        mouth_width=40, mouth_shift=0, line=6, lashes=2,
        palette=Palette("#8a5233", "#8a5233", "#2b1a1f", "#4a2c30", "#7a4a1e", "#f2b134", "#f6d9c0", "#fbeadb"),
    ),
    temper=0.6, x=256, y=276, scale=1.0, tilt=0, halo=True,
)  # fmt: skip
SOREN = Character(
    build=Build("person", 148, 138, 2.3, 0.1, "part", "none", "none", True, ("scar",)),
    style=Style(
        eyes="dot", eye_x=57, eye_rx=16, eye_ry=21, brow_length=50, brow_weight=8, brow_gap=15, mouth_y=80,
        mouth_width=36, mouth_shift=0, line=5, lashes=0,
        palette=Palette("#f7dccb", "#f7dccb", "#c9742e", "#e39a4f", "#3a6ea5", "#3c5a4a", "#a9c6d9", "#c3d9e6"),
    ),
    temper=-0.1, x=256, y=270, scale=1.04, tilt=3, halo=True,
)  # fmt: skip
NYX = Character(
    build=Build("cat", 154, 134, 2.15, 0.04, "none", "none", "bow", False, ("whiskers", "bow tie")),
    style=Style(
        eyes="slit", eye_x=60, eye_rx=34, eye_ry=38, brow_length=48, brow_weight=8, brow_gap=12, mouth_y=80,
        mouth_width=37, mouth_shift=0, line=6.5, lashes=1,
        palette=Palette("#34303f", "#46414f", "#34303f", "#5a5266", "#b8d94a", "#8e3b63", "#c7b6dd", "#dacdec"),
    ),
    temper=-0.3, x=256, y=276, scale=1.03, tilt=0, halo=True,
)  # fmt: skip
COG = Character(
    build=Build("robot", 152, 134, 4.4, 0.0, "none", "none", "cap", False, ("overall",)),
    style=Style(
        eyes="led", eye_x=57, eye_rx=29, eye_ry=33, brow_length=46, brow_weight=8, brow_gap=14, mouth_y=62,
        mouth_width=38, mouth_shift=0, line=7, lashes=0,
        palette=Palette("#5fa39a", "#5fa39a", "#d9573f", "#d9573f", "#ffd166", "#6c5b8f", "#f4e3c1", "#faf0da"),
    ),
    temper=0.3, x=256, y=280, scale=1.03, tilt=-3, halo=True,
)  # fmt: skip
LARK = Character(
    build=Build("pony", 153, 137, 2.15, 0.06, "sweep", "mane", "none", False, ("blaze",)),
    style=Style(
        eyes="anime", eye_x=60, eye_rx=35, eye_ry=44, brow_length=48, brow_weight=7, brow_gap=13, mouth_y=82,
        mouth_width=40, mouth_shift=0, line=6.2, lashes=2,
        palette=Palette("#a8b8ee", "#cfd8f7", "#4b3f92", "#8f7be0", "#a63d8f", "#f4a6b7", "#ffe1d6", "#fff0ea"),
    ),
    temper=0.2, x=264, y=274, scale=1.02, tilt=0, halo=True,
)  # fmt: skip

STRANGERS: dict[str, Character] = {"ottilie": OTTILIE, "soren": SOREN, "nyx": NYX, "cog": COG, "lark": LARK}


def card(name: str) -> str:
    """A persona.toml with nothing but the expressions, each with its canonical prompt."""
    lines = [f'name = "{name.capitalize()}"', 'description = "You are somebody whom the painter has never seen."']
    for label, phrasings in prompts().items():
        lines += ["", f"[expressions.{label}]", f'emotions = ["{label}"]', f"prompt = {json.dumps(phrasings[0])}"]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for slug, character in STRANGERS.items():
        draw(character, folder / slug)
        (folder / slug / "persona.toml").write_text(card(slug), encoding="utf-8")


if __name__ == "__main__":
    main()
