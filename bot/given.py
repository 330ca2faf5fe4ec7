"""`mien persona faces`: faces of a card of another program become given faces, and faces leave as such a card."""

import argparse
import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from avatar.expression import spec_for
from avatar.picture import PortraitError, open_picture, png_of, to_png
from avatar.shelf import write_whole
from avatar.wardrobe import Wardrobe
from bot.settings import Settings, load_settings
from persona.card import Persona, PersonaError, load_persona
from persona.cardfile import Files, read_card
from persona.cardwrite import Form, Pictures, Spec, persona_object, write
from persona.emotions import Asset, emotion_assets
from persona.faces import FOLDER, given
from persona.merge import card_file
from persona.naming import fold
from persona.synonyms import meant

ENDINGS = {"PNG": ".png", "WEBP": ".webp", "JPEG": ".jpg"}  # kept as they are; any other picture becomes PNG
FORMS: tuple[Form, ...] = (".png", ".charx", ".json")


@dataclass
class Taken:
    """What came of a card's faces."""

    worn: dict[str, Path] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)  # expressions that had a given face already
    unmatched: list[str] = field(default_factory=list)
    trouble: dict[str, str] = field(default_factory=dict)

    def lines(self, persona: Persona) -> list[str]:
        said = [f"{persona.card.name} wears {len(self.worn)} given faces{_named(self.worn)}"]
        if self.kept:
            said.append(f"given before, and kept (--replace takes the card's){_named(self.kept)}")
        if self.unmatched:
            said.append(f"no expression of {persona.card.name} is called so{_named(self.unmatched)}")
        return said + [f"{name}: {why}" for name, why in self.trouble.items()]


async def faces(options: argparse.Namespace) -> int:
    """Take the faces of --from, or write those of the persona into --to; exit status 1 if none came or went."""
    settings = load_settings(options.config)
    persona = load_persona(options.persona, settings.bot.persona_roots())
    if options.source is not None:
        taken = take(persona, options.source, replace=options.replace)
        data = {"worn": sorted(taken.worn), "kept": taken.kept, "unmatched": taken.unmatched, "trouble": taken.trouble}
        print(json.dumps(data, ensure_ascii=False) if options.json else "\n".join(taken.lines(persona)))
        return 0 if taken.worn or taken.kept else 1
    written = export(persona, shelved_by(settings), options.target)
    waiting = [name for name in persona.card.expressions if name not in written]
    if options.json:
        print(json.dumps({"out": str(options.target), "faces": written, "missing": waiting}, ensure_ascii=False))
    else:
        print(f"{options.target}: {len(written)} faces of {persona.card.name}{_named(written)}")
        if waiting:
            print(f"not painted yet, so not in it (`mien persona sheet` paints all){_named(waiting)}")
    return 0 if written else 1


def shelved_by(settings: Settings) -> Wardrobe:
    """The faces on the shelf as these settings paint them. Raises ModelMissing."""
    face = settings.face
    return Wardrobe.of(face.model, settings.bot.state / "shelf", face.recipe(), face.mask_model)


def take(persona: Persona, source: Path, *, replace: bool = False) -> Taken:
    """Put the emotion assets of a card into the persona's faces/. Raises CardError, OSError."""
    taken, there = Taken(), given(persona.folder, persona.card.expressions)
    for name, asset in _meant(emotion_assets(read_card(source)), persona):
        if name is None:
            taken.unmatched.append(asset.name)
        elif name in taken.worn:
            taken.trouble[asset.name] = f"the card has another face for {name}; the first one is worn"
        elif name in there and not replace:
            taken.kept.append(name)
        else:
            _take_one(persona, name, asset, taken, there)
    return taken


def _meant(assets: Iterable[Asset], persona: Persona) -> list[tuple[str | None, Asset]]:
    """Each face with the expression it stands for; those that are called exactly so come first."""
    named = [(meant(asset.name, persona.card.expressions), asset) for asset in assets]
    return sorted(named, key=lambda one: one[0] is None or fold(one[1].name.replace("_", " ")) != fold(one[0]))


def _take_one(persona: Persona, name: str, asset: Asset, taken: Taken, there: Mapping[str, Path]) -> None:
    try:
        ending, content = _as_face(asset)
    except PortraitError as error:
        taken.trouble[asset.name] = str(error)
        return
    # The file is called like the expression of our own card: nothing of a stranger's paths gets here.
    file = persona.folder / FOLDER / f"{name}{ending}"
    write_whole(file, content)
    if name in there and there[name] != file:
        there[name].unlink(missing_ok=True)
    taken.worn[name] = file


def _as_face(asset: Asset) -> tuple[str, bytes]:
    """The ending and the bytes of the file to write: as they are, or as PNG. Raises PortraitError."""
    if asset.trouble:
        raise PortraitError(asset.trouble)
    with tempfile.TemporaryDirectory(prefix="mien-") as folder:
        file = Path(folder) / "face"
        file.write_bytes(asset.content)
        try:
            picture = open_picture(file)
        except PortraitError as error:
            raise PortraitError(str(error).replace(str(file), "it")) from error
        with Image.open(file) as opened:
            kind, frames = opened.format or "", getattr(opened, "n_frames", 1)
    if kind in ENDINGS and frames == 1:
        return ENDINGS[kind], asset.content
    return ".png", to_png(picture)


def export(persona: Persona, wardrobe: Wardrobe, target: Path) -> list[str]:
    """Write a V3 card with every face that is given or painted, if there is one; their names. Raises PersonaError."""
    form, pngs = form_of(target), faces_of(persona, wardrobe)
    if pngs:
        write_whole(target, exported(persona, pngs, form))
    return list(pngs)


def form_of(target: Path) -> Form:
    """Which form a file's ending asks for. Raises PersonaError."""
    for form in FORMS:
        if target.suffix.lower() == form:
            return form
    raise PersonaError(f"{target} ends neither in .png nor in .charx nor in .json, so its form is not known.")


def faces_of(persona: Persona, wardrobe: Wardrobe) -> dict[str, bytes]:
    """Every face of a persona that is given or was painted, as PNG."""
    shelved = {name: wardrobe.shelved(persona, spec_for(persona.card, name)) for name in persona.card.expressions}
    return {name: png_of(face.path) for name, face in shelved.items() if face is not None}


def exported(persona: Persona, pngs: Mapping[str, bytes], form: Form, spec: Spec = 3) -> bytes:
    """The persona as a card; pictures that lay in the card it came with go along. Raises CardError."""
    source = card_file(persona.folder)
    before = Files() if source is None else read_card(source).files
    return write(persona_object(persona), form, Pictures(png_of(persona.base), pngs, before), spec)


def _named(names: Iterable[str]) -> str:
    listed = ", ".join(names)
    return f": {listed}" if listed else ""
