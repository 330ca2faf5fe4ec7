"""The folder `faces/` of a persona: pictures worn as they are, and the seeds of faces that were painted anew.

    faces/joy.png       (or .webp, .jpg) worn whenever the expression joy is; no painter is asked for it
    faces/seeds.toml    what `/face repaint` chose: another seed for some expressions

The pictures are not opened here.
"""

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from persona.naming import find, nearest
from persona.tomlfile import Problem, Table, load_toml

FOLDER, SEEDS_FILE = "faces", "seeds.toml"
SUFFIXES = (".png", ".webp", ".jpg", ".jpeg")  # of two pictures for one expression, the earlier kind is worn
HEAD = "# Written by /face repaint: from which seed an expression is painted. Without a line it is 0.\n\n[seeds]\n"


class Seeds(Table):
    """What `faces/seeds.toml` holds."""

    seeds: dict[str, Annotated[int, Field(ge=0, lt=2**63)]] = Field(
        default_factory=dict, description="the seed of each expression that was painted anew"
    )


def _lora(value: object) -> object:
    """A file's name alone counts fully."""
    return {"file": value} if isinstance(value, str) else value


class LoraWish(Table):
    """One LoRA that taught a painter this character."""

    file: str = Field(min_length=1, description="its safetensors file, beside persona.toml or with its whole path")
    weight: float = Field(default=1.0, ge=-4, le=4, description="how strongly it counts")


class FaceWishes(Table):
    """What the painter of this character's faces is given."""

    loras: list[Annotated[LoraWish, BeforeValidator(_lora)]] = Field(
        default_factory=list,
        max_length=8,
        description="LoRAs of its own: a list of file names, or of {file = …, weight = 1.0}",
    )


def pictures(folder: Path) -> list[Path]:
    """Every picture in the persona's `faces/`, those first that are worn before others of the same name."""
    there = [file for file in (folder / FOLDER).glob("*") if file.suffix.lower() in SUFFIXES and file.is_file()]
    return sorted(there, key=lambda file: (SUFFIXES.index(file.suffix.lower()), file.name))


def given(folder: Path, expressions: Collection[str]) -> dict[str, Path]:
    """The expressions that have a picture of their own, in the card's order; names count whatever their case."""
    found: dict[str, Path] = {}
    for file in pictures(folder):
        if (name := find(file.stem, expressions)) is not None:
            found.setdefault(name, file)
    return {name: found[name] for name in expressions if name in found}


def misfits(folder: Path, expressions: Collection[str]) -> list[Problem]:
    """The pictures that nobody wears, because the card has no expression of their name."""
    problems = []
    for file in pictures(folder):
        if find(file.stem, expressions) is None:
            near = nearest(file.stem, expressions)
            meant = f"; did you mean {near}{file.suffix}?" if near else f"; there are: {', '.join(expressions)}"
            problems.append(Problem(file, 0, "", f"fits no expression of the card{meant}"))
    return problems


def seeds(folder: Path) -> Mapping[str, int]:
    """The seeds of the expressions that were painted anew. Raises TomlError."""
    file = folder / FOLDER / SEEDS_FILE
    return load_toml(file, Seeds).seeds if file.is_file() else {}


def keep_seed(folder: Path, expression: str, seed: int) -> None:
    """From now on an expression is painted from this seed; 0 is what it was at first. Raises TomlError, OSError."""
    kept = {name: number for name, number in (dict(seeds(folder)) | {expression: seed}).items() if number}
    file = folder / FOLDER / SEEDS_FILE
    file.parent.mkdir(exist_ok=True)
    aside = file.with_name(f".{SEEDS_FILE}.{os.getpid()}")  # written aside, then renamed: never half a file
    lines = (f"{json.dumps(name, ensure_ascii=False)} = {number}\n" for name, number in kept.items())
    aside.write_text(HEAD + "".join(lines), encoding="utf-8")
    aside.replace(file)
