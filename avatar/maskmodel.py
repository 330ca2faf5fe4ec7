"""A segmentation model's folder seen from outside: whether it is complete, which of its labels are parts of a face,
what identifies it. Reads JSON and headers alone and imports no torch; avatar/segmentation.py looks with it.
"""

import json
import re
from pathlib import Path
from typing import Any

from avatar.checkpoint import fingerprints
from avatar.weightfiles import part_bytes, part_files
from inference.job import ModelMissing

STARTER = "starter"  # the finder, which is no such model
FACE = re.compile(
    r"(left|right|upper|lower|inner|outer)?"
    r"(face|facial|skin|eyes?|eyebrows?|brows?|eyelids?|eyelash(es)?|pupils?|iris|(eye|sun)glass(es)?|glasses|nose|mouth|lips?"
    r"|teeth|tongue|cheeks?|chin|forehead|beard|mou?stache|blush)"
)
BESIDE = frozenset(("hair", "ear", "ears", "earring", "earrings", "neck", "body", "hand", "hands", "cloth", "clothes"))
PREPARED = "preprocessor_config.json"


def mask_folder(name: str) -> Path | None:
    """The folder of a segmentation model; None for "starter". ModelMissing says what it lacks. Opens no weights."""
    if name == STARTER:
        return None
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise ModelMissing(f"There is no mask model at {folder}: name 'starter' or a folder with a segmentation model.")
    if not face_labels(folder):
        raise ModelMissing(
            f"The labels of the mask model in {folder} name no part of a face (skin, eye, mouth, …): take a model for "
            "face parsing."
        )
    part_files(folder)
    return folder


def mask_revision(name: str) -> str:
    """What changes with every file that decides where the model sees a face; "" for "starter"."""
    folder = mask_folder(name)
    if folder is None:
        return ""
    said = [path for path in (folder / "config.json", folder / PREPARED) if path.is_file()]
    return fingerprints([*said, *part_files(folder)])


def mask_model_bytes(name: str) -> list[int]:
    """What the model takes on the device while it looks; nothing for "starter". Raises ModelMissing."""
    folder = mask_folder(name)
    return [] if folder is None else [part_bytes(folder, 4)]


def face_labels(folder: Path) -> list[int]:
    """The labels that are parts of a face, by their names. Raises ModelMissing for a config that cannot be read."""
    labels = config_of(folder / "config.json").get("id2label")
    names = labels if isinstance(labels, dict) else {}
    return sorted(int(number) for number, name in names.items() if is_of_face(str(name)))


def is_of_face(label: str) -> bool:
    """Whether a label's name is one of a part of a face: "skin", "l_brow", "upper lip", but not "hair" or "left ear".

    In CelebAMask-HQ's names, which most face parsing models have, eye_g are glasses and ear_r is an earring.
    """
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label).lower())
    return any(FACE.fullmatch(word) for word in words) and not BESIDE.intersection(words)


def config_of(path: Path) -> dict[str, Any]:
    """The JSON object in a file of the folder, {} for another kind of JSON. Raises ModelMissing."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelMissing(f"The mask model lacks {path}: copy the whole folder again.") from error
    except (OSError, ValueError) as error:
        raise ModelMissing(f"{path} cannot be read: get it again.") from error
    return found if isinstance(found, dict) else {}
