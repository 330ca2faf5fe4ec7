"""Which parts of four published styles show which expression, written down after looking at every part.

open-peeps (Pablo Stanley), lorelei (Lisa Wischofsky) and notionists (Zoish) are CC0 1.0, big-smile (Ashley Seo) is
CC BY 4.0. Of the 48 open-peeps heads the last eight, in the file's order, are held out of training.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from avatar.starter.published import Published, Recipe

HELD_OUT_HEADS = 8


def _named(names: str, prefix: str = "variant") -> tuple[str, ...]:
    return tuple(prefix + name for name in names.split())


BIG_SMILE = Recipe(
    file="dicebear_big-smile.json",
    box=(59.0, 43.0, 115.0, 106.0),
    head={
        "face": ("base",),
        "hair": (
            "shortHair", "mohawk", "wavyBob", "bowlCutHair", "curlyBob", "straightHair", "braids", "shavedHead",
            "bunHair", "froBun", "bangs", "halfShavedHead", "curlyShortHair",
        ),
        "accessories": ("", "", "", "", "catEars", "glasses", "sailormoonCrown"),
    },
    rest={"eyes": ("normal",), "mouth": ("kawaii", "kawaii", "unimpressed")},
    faces={
        "joy": {"eyes": "cheery", "mouth": "openedSmile"},
        "excitement": {"eyes": "starstruck", "mouth": "openedSmile"},
        "approval": {"eyes": "winking", "mouth": "kawaii"},
        "sadness": {"eyes": "sad", "mouth": "unimpressed"},
        "grief": {"eyes": "sad", "mouth": "openSad"},
        "anger": {"eyes": "angry", "mouth": "openSad"},
        "disapproval": {"eyes": "angry", "mouth": "unimpressed"},
        "nervousness": {"eyes": "confused", "mouth": "awkwardSmile"},
        "confusion": {"eyes": "confused", "mouth": "unimpressed"},
        "relief": {"eyes": "sleepy", "mouth": "kawaii"},
        "pride": {"eyes": "sleepy", "mouth": "teethSmile"},
    },
    paint={"eyes": {"#2A1200": "{{color:ink}}", "#71472D": "{{color:brow}}"}, "mouth": {"#592125": "{{color:ink}}"}},
    darkest=0.24,
)  # fmt: skip

LORELEI = Recipe(
    file="dicebear_lorelei.json",
    box=(49.0, 40.0, 98.0, 93.0),
    head={
        "head": _named("01 02 03 04"),
        "nose": _named("01 02 03 04 05 06"),
        "hair": _named("01 02 03 04 05 06 07 08 09 10 11 12 13 14 17 18 20 22 25 26 27 28 29 31 33 34 36 38 39 44 47"),
        "freckles": ("", "", "", "variant01"),
        "glasses": ("", "", "", "", "", *_named("01 02 03 04 05")),
    },
    rest={
        "eyes": _named("02 04 06 10 11 12 13 14 16 17 20 21 23 24"),
        "eyebrows": _named("05 07 09 10"),
        "mouth": _named("01 02 14", "happy"),
    },
    faces={
        "joy": {"eyes": "variant19", "mouth": "happy05"},
        "amusement": {"eyes": "variant22", "mouth": "happy06"},
        "approval": {"eyes": "variant15", "mouth": "happy02"},
        "relief": {"eyes": "variant19", "mouth": "happy01"},
        "gratitude": {"eyes": "variant01", "mouth": "happy01"},
        "love": {"eyes": "variant09", "mouth": "happy05"},
        "sadness": {"eyebrows": "variant01", "mouth": "sad05"},
        "anger": {"eyebrows": "variant13", "mouth": "sad06"},
        "disapproval": {"eyes": "variant03", "mouth": "sad05"},
        "surprise": {"eyes": "variant21", "eyebrows": "variant05", "mouth": "sad01"},
        "nervousness": {"eyes": "variant05", "eyebrows": "variant01", "mouth": "happy16"},
        "disgust": {"eyes": "variant18", "mouth": "happy09"},
    },
    paint={"head": {"#000": "{{color:ink}}"}},
    darkest=0.2,
)

NOTIONISTS = Recipe(
    file="dicebear_notionists.json",
    box=(54.0, 46.0, 84.0, 78.0),
    head={
        "base": ("variant01",),
        "body": _named("01 02 03 04 05 06 07 08 09 10"),
        "nose": _named("01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 20"),
        "hair": _named("04 06 08 10 12 14 16 18 20 22 24 26 28 30 32 34 36 38 40 42 44 46 48 50 52 54 56 58 60 62"),
    },
    rest={"eyes": ("variant05",), "brows": _named("01 04 07 08 09 12"), "lips": _named("03 21 22 23")},
    faces={
        "joy": {"eyes": "variant03", "lips": "variant25"},
        "relief": {"eyes": "variant03", "lips": "variant22"},
        "sadness": {"brows": "variant13", "lips": "variant18"},
        "anger": {"brows": "variant02", "lips": "variant26"},
        "disapproval": {"eyes": "variant01", "brows": "variant09", "lips": "variant19"},
        "surprise": {"brows": "variant01", "lips": "variant15"},
        "nervousness": {"eyes": "variant04", "brows": "variant13", "lips": "variant24"},
        "disappointment": {"eyes": "variant01", "brows": "variant13", "lips": "variant19"},
        "curiosity": {"brows": "variant10", "lips": "variant29"},
    },
    paint={
        "base": {"#fff": "{{color:skin}}", "#000": "{{color:ink}}"},
        "body": {"#fff": "{{color:clothing}}", "#000": "{{color:ink}}"},
        "hair": {"#000": "{{color:hair}}"},
        **{part: {"#000": "{{color:ink}}"} for part in ("brows", "lips", "nose", "eyes")},
    },
    darkest=0.2,
)


class Peeps(Published):
    """Open-peeps: whole faces with names, which `expression_map_proposal.json` in the folder maps to labels."""

    def __init__(self, folder: Path) -> None:
        mapping = json.loads((folder / "expression_map_proposal.json").read_text(encoding="utf-8"))["open-peeps"]
        faces: dict[str, dict[str, str]] = {}
        for rank in (0, 1):  # a label's own face first, then one it shares
            for face, labels in mapping.items():
                if len(labels) > rank:
                    faces.setdefault(labels[rank], {"face": face})
        faces["neutral"] = {"face": "smile"}
        shown = {label: {label, *mapping.get(parts["face"], ())} for label, parts in faces.items()}
        self.also: Mapping[str, set[str]] = shown  # label -> what a viewer may as well take its face for
        drawn = json.loads((folder / "dicebear_open-peeps.json").read_text(encoding="utf-8"))["components"]["head"]
        self.training_heads, self.held_out_heads = list(drawn)[:-HELD_OUT_HEADS], list(drawn)[-HELD_OUT_HEADS:]
        glasses = ("", "", "", "", "", "", "", "", "glasses", "glasses2", "glasses3", "glasses5")
        recipe = Recipe(
            file="dicebear_open-peeps.json",
            box=(58.0, 44.0, 112.0, 102.0),
            head={"head": self.training_heads, "accessories": glasses},
            rest={"face": ("smile",)},
            faces=faces,
            paint={part: dict.fromkeys(("#000", "#231F20", "#22252B"), "{{color:ink}}") for part in ("head", "face")},
            darkest=0.16,
        )
        super().__init__(folder, recipe)


def published(folder: Path) -> list[Published]:
    """Every style in the folder, as often as it is drawn from: open-peeps, whose expressions are named, most often."""
    peeps = Peeps(folder)
    others = [Published(folder, recipe) for recipe in (BIG_SMILE, LORELEI, NOTIONISTS)]
    return [peeps] * 5 + others
