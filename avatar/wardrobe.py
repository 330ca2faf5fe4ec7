"""The faces a persona can put on at once: those its folder gives it, those on the shelf that this painter has painted,
else the base picture.

It looks, and never paints: no model is opened and no torch imported.
"""

import hashlib
import logging
from dataclasses import dataclass, replace
from math import dist
from pathlib import Path

from PIL import Image

from avatar.checkpoint import painter_folder, revision_of
from avatar.expression import ExpressionSpec, middle, spec_for
from avatar.kind import kind_of
from avatar.mask import Portrait, Portraits, stamps
from avatar.maskmodel import mask_revision
from avatar.own_loras import NONE, OwnLoras, own_loras
from avatar.picture import PortraitError, open_picture
from avatar.proposals import Proposals
from avatar.recipe import STARTER_STEPS, Recipe
from avatar.shelf import Face, Shelf, Shelved, key_of
from persona.card import Persona

log = logging.getLogger(__name__)

SEEDS = 2**63
RECIPE = 2  # raised whenever the same model and seed would give another picture than before


@dataclass(frozen=True, slots=True)
class Order:
    """A face that somebody wants; `key` names it on the shelf. own: LoRAs that its persona brings."""

    persona: Persona
    spec: ExpressionSpec
    portrait: Portrait
    key: str
    own: OwnLoras = NONE


class Wardrobe:
    """What a painter left on the shelf. revision: see `revision_of`; steps: of its paintings; proposals: masks for
    portraits without one, None = the finder's."""

    def __init__(
        self, shelf: Shelf, revision: str, steps: int = STARTER_STEPS, proposals: Proposals | None = None
    ) -> None:
        self.shelf = shelf
        self._revision = revision
        self._steps = steps
        self._portraits = Portraits(proposals or Proposals(shelf.folder / "masks"))
        self._given: dict[Path, tuple[object, Face | None]] = {}

    @classmethod
    def of(cls, model: str, shelf: Path, recipe: Recipe, mask_model: str) -> "Wardrobe":
        """What the painter called `model` ("starter", or a folder) left in the folder `shelf`. Raises ModelMissing.

        recipe: what the admin wishes, which is part of every face's key; mask_model: who proposes masks, see
        avatar/maskmodel.py.
        """
        folder = painter_folder(model, recipe)
        steps = recipe.manner(kind_of(folder)).steps
        return cls(
            Shelf(shelf), revision_of(folder, recipe), steps, Proposals(shelf / "masks", mask_revision(mask_model))
        )

    def order(self, persona: Persona, spec: ExpressionSpec) -> Order:
        """The face that is meant, with its key. Raises PortraitError for unusable pictures.

        The spec's seed counts from the one that the persona's folder keeps for this expression, 0 if it keeps none.
        """
        portrait, own = self._portraits.open(persona.base, persona.mask), own_loras(persona)
        spec = replace(spec, seed=(spec.seed + persona.seeds.get(spec.name, 0)) % SEEDS)
        key = key_of(
            portrait=portrait.digest,
            prompt=spec.prompt,
            expression=spec.name,
            seed=spec.seed,
            model=self._revision,
            steps=self._steps,
            recipe=RECIPE,
            **_blend_in(spec),
            **({"loras": own.revision} if own.loras else {}),
        )
        return Order(persona, spec, portrait, key, own)

    def given(self, persona: Persona, spec: ExpressionSpec) -> Face | None:
        """The picture that the persona's folder has for an expression, worn as it is; None if it has none, or one that
        cannot be opened, which is told to the log once. A blend is never given."""
        path = persona.faces.get(spec.name) if spec.blend is None else None
        if path is None:
            return None
        stamp = stamps((path, persona.base))
        known = self._given.get(path)
        if known is None or known[0] != stamp:
            known = self._given[path] = stamp, self._open_given(persona, spec.name, path)
        return known[1]

    def _open_given(self, persona: Persona, name: str, path: Path) -> Face | None:
        try:
            focus = self._portrait_of(persona, path).focus
            return Face(path, hashlib.sha256(path.read_bytes()).hexdigest(), name, painted=False, focus=focus)
        except (OSError, PortraitError) as error:
            log.warning("the given face %s is not worn: %s", path, error)
            return None

    def _portrait_of(self, persona: Persona, path: Path) -> Portrait:
        """Where the face is in a picture: where the persona's mask is, or for a picture of another size a proposal."""
        portrait = self._portraits.open(persona.base, persona.mask)
        size = open_picture(path).size
        return portrait if size == portrait.image.size else self._portraits.open(path, None)

    def shelved(self, persona: Persona, spec: ExpressionSpec) -> Face | None:
        """The face if it is given or on the shelf. Raises PortraitError."""
        if (face := self.given(persona, spec)) is not None:
            return face
        order = self.order(persona, spec)
        found = self.shelf.get(order.key)
        return None if found is None else face_of(order, found, painted=False)

    def nearest(self, persona: Persona, spec: ExpressionSpec) -> Face:
        """The shelved face nearest in feeling; the base picture where neutral is nearest. Raises PortraitError."""
        expressions = persona.card.expressions
        wanted = middle(expressions[spec.name if spec.name in expressions else persona.card.neutral])
        for name in sorted(expressions, key=lambda name: dist(wanted, middle(expressions[name]))):
            face = self.shelved(persona, spec_for(persona.card, name, spec.seed))
            if face is not None:
                return face
            if name == persona.card.neutral:
                break
        return self.base(persona)

    def base(self, persona: Persona) -> Face:
        """The base picture, worn as the neutral face. Raises PortraitError."""
        portrait = self._portraits.open(persona.base, persona.mask)
        sha256 = hashlib.sha256(persona.base.read_bytes()).hexdigest()
        return Face(persona.base, sha256, persona.card.neutral, painted=False, focus=portrait.focus)

    def close_up(self, persona: Persona, name: str) -> Image.Image:
        """The face alone, square: the painted crop of the face nearest to an expression. Raises PortraitError."""
        spec = ExpressionSpec(name, "")
        if name in persona.card.expressions:
            spec = spec_for(persona.card, name)
        path = self.nearest(persona, spec).path
        crop, picture = self._portrait_of(persona, path).crop, open_picture(path)
        return picture.crop((crop.left, crop.top, crop.left + crop.side, crop.top + crop.side))


def _blend_in(spec: ExpressionSpec) -> dict[str, str | int]:
    """What a blend adds to a face's key."""
    if spec.blend is None:
        return {}
    return {"towards": spec.blend.name, "towards_prompt": spec.blend.prompt, "quarters": spec.blend.quarters}


def face_of(order: Order, found: Shelved, *, painted: bool) -> Face:
    """The face that was ordered, as it was found on the shelf."""
    return Face(found.path, found.sha256, order.spec.name, painted, order.portrait.focus)
