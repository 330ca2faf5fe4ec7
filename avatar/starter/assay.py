"""Says what a trained recogniser is worth, on characters it never saw, and where it should refuse.

    python -m avatar.starter.assay build/learned.safetensors build/held.npz --painter avatar/starter/painter \\
        [--published DIR] --out avatar/starter/recogniser.safetensors

The examples must come from another seed than those it learned from. Its bounds are set so that few good faces are
refused, and written beside the weights. One JSON line a group, then the confusion matrix: rows show, columns say.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import torch
from torch import Tensor

from avatar.recogniser import CLASSES, Bounds, Recogniser, seen
from avatar.starter.cast import CAST
from avatar.starter.examples import Artist, Example, drawn, open_artist
from avatar.starter.expressions import LABELS
from avatar.starter.learning import Faces, save
from avatar.starter.pairs import CORE
from avatar.starter.portraits import Character, random_character
from avatar.starter.sheets import paint
from avatar.starter.spoiling import spoil
from avatar.starter.strangers import STRANGERS
from avatar.starter.subjects import Subject, held_out, samples, strangers

REFUSED = 0.015  # share of good faces that each of the three bounds may refuse
BY_LOT = range(20_000_000, 20_000_100)  # seeds of the characters whose likeness is measured
FEELINGS = ("joy", "sadness", "anger")


@dataclass(frozen=True, slots=True)
class Read:
    """What was made of some faces: probabilities (B, 29), distances (B,), and what they show, (B,) of CLASSES."""

    probabilities: Tensor
    distances: Tensor
    shows: Tensor

    @property
    def own(self) -> Tensor:
        """(B,): the probability of what a face shows."""
        return self.probabilities.gather(1, self.shows[:, None])[:, 0]

    def found(self) -> Tensor:
        """(B,): whether the likeliest expression is the one shown."""
        return self.probabilities.argmax(1) == self.shows


def faces_of(example: Example) -> Faces:
    """An example as the recogniser sees it."""
    count = len(example.faces)
    painted, base = (torch.from_numpy(np.array(part)).float() / 255 for part in (example.faces, example.base[None]))
    mask = torch.from_numpy(np.array(example.mask))[None, None].float()
    shows = torch.from_numpy(np.pad(example.shows, ((0, 0), (0, 1))))
    pictures = seen(torch.cat((painted, base)).permute(0, 3, 1, 2))
    return Faces(
        pictures[:-1],
        pictures[-1:].expand(count, -1, -1, -1),
        (seen(mask) > 0).float().expand(count, -1, -1, -1),
        shows,
        torch.zeros(count, dtype=torch.long),
    )


def stored(path: Path) -> list[Example]:
    """The examples of a file of examples.py."""
    file = np.load(path)
    bases, masks, faces, shows, owners = (file[name] for name in ("bases", "masks", "faces", "shows", "owners"))
    return [
        Example(base, mask, faces[owners == owner], shows[owners == owner])
        for owner, (base, mask) in enumerate(zip(bases, masks, strict=True))
    ]


def read(recogniser: Recogniser, groups: Sequence[Faces]) -> Read:
    """What the recogniser makes of faces."""
    made = [recogniser.recognise(group.painted, group.base, group.mask) for group in groups]
    return Read(
        torch.cat([one.probabilities for one in made]),
        torch.cat([one.distances for one in made]),
        torch.cat([group.shows for group in groups]).argmax(1),
    )


def spoilt(groups: Sequence[Faces], chance: Random) -> list[Faces]:
    """The same faces, every one broken."""
    return [
        Faces(
            torch.stack(
                [
                    spoil(face, group.base[0], group.painted[place - 1], group.mask[0], chance)
                    for place, face in enumerate(group.painted)
                ]
            ),
            group.base,
            group.mask,
            torch.eye(len(CLASSES))[-1:].expand(len(group.painted), -1),
            group.owners,
        )
        for group in groups
    ]


def apart(recogniser: Recogniser, groups: Sequence[Faces]) -> Tensor:
    """How far faces lie from the base picture of their look-alike, who has their colours or their build."""
    made = [recogniser.recognise(group.painted, group.base, group.mask) for group in groups]
    pairs = [(made[place], made[place ^ 1]) for place in range(len(made) // 2 * 2)]
    return torch.cat([1 - one.features @ other.base_features[0] for one, other in pairs])


def bounds_for(good: Read, strange: Tensor) -> Bounds:
    """Bounds that refuse a small share of good faces each.

    strange: distances from look-alikes; the bound on distance lies, as factors go, midway between theirs and the good
    faces' own, since it was measured on few styles and must bear others.
    """
    shown = float(np.quantile(good.own, REFUSED))
    broken = float(np.quantile(good.probabilities[:, -1], 1 - REFUSED))
    near, far = float(np.quantile(good.distances, 1 - REFUSED)), float(np.quantile(strange, REFUSED))
    print(json.dumps({"own base": round(near, 4), "look-alike's base": round(far, 4)}))
    return Bounds(min(0.2, round(shown, 3)), max(0.5, round(broken, 3)), round(max(near, (near * far) ** 0.5), 3))


def report(name: str, result: Read, bounds: Bounds) -> None:
    """One JSON line: how many were recognised, and how many would be refused for which reason."""
    kinds = result.shows == len(LABELS)
    figures = {
        "faces": len(result.shows),
        "recognised": result.found().float().mean().item(),
        "another expression": (result.own < bounds.shown)[~kinds].float().mean().item() if not kinds.all() else None,
        "called broken": (result.probabilities[:, -1] > bounds.broken).float().mean().item(),
        "another character": (result.distances > bounds.distance).float().mean().item(),
    }
    rounded = {key: round(value, 4) if isinstance(value, float) else value for key, value in figures.items()}
    print(json.dumps({"group": name, **rounded, "of the twelve": main_recognised(result)}), flush=True)


def likeness(recogniser: Recogniser, cast: Sequence[Character]) -> float:
    """Share of faces of FEELINGS that lie nearer to their own base picture than to that of anybody else of the cast."""
    groups = [faces_of(drawn(Random(place), one, list(FEELINGS))) for place, one in enumerate(cast)]
    made = [recogniser.recognise(group.painted, group.base, group.mask) for group in groups]
    bases = torch.cat([one.base_features[:1] for one in made])
    near = torch.cat([one.features for one in made]) @ bases.T  # (3 * characters, characters)
    return (near.argmax(1) == torch.arange(len(cast)).repeat_interleave(len(FEELINGS))).float().mean().item()


def subject_faces(subject: Subject, artist: Artist | None = None) -> Faces:
    """A subject wearing each of its labels: drawn, or painted by an artist."""
    worn, count = subject.drawn, len(subject.labels)
    if artist is not None:
        tokens = torch.stack([artist.table[label][0] for label in subject.labels])[:, None]
        bases, masks = (part.expand(count, -1, -1, -1) for part in (subject.base, subject.mask))
        worn = paint(artist.unet, bases, masks, tokens)
    base, mask = seen((subject.base + 1) / 2), (seen(subject.mask) > 0).float()
    shows = torch.eye(len(CLASSES))[[LABELS.index(label) for label in subject.labels]]
    owners = torch.zeros(count, dtype=torch.long)
    return Faces(seen((worn + 1) / 2), base.expand(count, -1, -1, -1), mask.expand(count, -1, -1, -1), shows, owners)


def main_recognised(result: Read) -> int:
    """How many of the twelve main expressions are recognised on at least half of the characters."""
    found = result.found().float()
    shares = [found[result.shows == LABELS.index(label)].mean().item() for label in CORE if label != "neutral"]
    return sum(share >= 0.5 for share in shares)


def matrix(result: Read) -> str:
    """The confusion matrix as text: a row for what is shown, a column for what is said."""
    counts = torch.zeros(len(CLASSES), len(CLASSES), dtype=torch.long)
    for shows, says in zip(result.shows.tolist(), result.probabilities.argmax(1).tolist(), strict=True):
        counts[shows, says] += 1
    lines = [" " * 15 + " ".join(f"{name[:3]:>3}" for name in CLASSES)]
    rows = [(name, row) for name, row in zip(CLASSES, counts, strict=True) if row.sum()]
    return "\n".join(lines + [f"{name:<15}" + " ".join(f"{n or '.':>3}" for n in row.tolist()) for name, row in rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("examples", type=Path, nargs="+")
    parser.add_argument("--painter", type=Path, required=True)
    parser.add_argument("--minilm", type=Path, help="folder of all-MiniLM-L6-v2; left out: the installed carrier's")
    parser.add_argument("--published", type=Path, help="folder with the published styles; left out: none of them")
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    recogniser, artist = Recogniser(chosen.weights), open_artist(chosen.painter, chosen.minilm)
    held = [faces_of(example) for path in chosen.examples for example in stored(path)]
    good = read(recogniser, held)
    bounds = bounds_for(good, apart(recogniser, held))
    save(recogniser.network, chosen.out, {"bounds": json.dumps(asdict(bounds))})
    print(json.dumps({"bounds": asdict(bounds)}))
    report("held-out characters", good, bounds)
    report("the same, broken", read(recogniser, spoilt(held, Random(1))), bounds)
    groups = {"five strangers": strangers, "sample personas": samples}
    if chosen.published:
        groups["eight heads"] = partial(held_out, chosen.published)
    for name, subjects in groups.items():
        for manner, who in (("drawn", None), ("painted", artist)):
            report(f"{name}, {manner}", read(recogniser, [subject_faces(one, who) for one in subjects()]), bounds)
    people = [random_character(Random(seed)) for seed in BY_LOT]
    near = likeness(recogniser, [*people, *CAST.values(), *STRANGERS.values()])
    print(json.dumps({"nearer to their own base than to anybody else's": round(near, 4)}))
    print(matrix(good))


if __name__ == "__main__":
    with torch.inference_mode():
        main()
