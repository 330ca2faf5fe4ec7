"""Finds the constants of `[mood]` on the dialogues that the reader has not learned from.

    python -m bench.tune_mood --starter FOLDER               with a reader that never saw these characters
    python -m bench.tune_mood --starter … --out table.md     … and write the table for docs/mood.md

FOLDER holds a head.safetensors and a reader.safetensors as emotion/starter does; the reader that learned from four
fifths of the characters is what `python -m emotion.training.reader` makes first. Every line is read once (and kept
in --cache); then hundreds of settings are tried on the same readings: seeded random ones, then one constant
after another around the best. What counts, all between 0 and 1:

    right     the leading emotion after every line is one that the script lists, the first counting more
    woken     where somebody's line moves the character to what it did not feel before, the face fits at once
    unrest    between two calm lines the leading emotion or the face changes: this counts against it, little up to
              ALLOWED and much above

Half-lives in minutes and hours are not tried: no script tells how long people are silent. To see how much is chance,
the same search is made on each half of the dialogues and judged on the other.
"""

import argparse
import asyncio
import hashlib
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avatar.expression import FLOOR, STAY, leads_to
from bench.felt import SECONDS, Scene, cards, felt, fitting
from bench.report import finish, parser
from emotion import regard
from emotion.classifier import STARTER, Classifier
from emotion.dialogue import Dialogue
from emotion.labels import EMOTIONS, INDEX, NEUTRAL
from emotion.mood import Reading
from emotion.motion import CALM, MoodSettings, calmed, floored, impression, leading, mixed, step
from emotion.training.examples import scripts
from inference.gpu import Gpu

DIALOGUES = Path(__file__).resolve().parents[1] / "emotion" / "dialogues"
BEFORE = MoodSettings(
    half_life=2.0,
    jolt_from=0.35,
    jolt_full=0.75,
    jolt=0.85,
    own=0.5,
    reader=0.7,
    sharpness=1.5,
    neutral_floor=0.05,
    margin=0.05,
    reserve=0.5,
)  # as they were set by hand
DRAWS, ROUNDS, SEED = 400, 4, 5
SECOND = 0.7  # what a listed emotion counts that is not the first
OTHERS = 2.0  # a member's line counts for so many of the character's own: that is when a face is chosen
WOKEN, UNREST = 0.5, 0.05  # beside `right`
ALLOWED, TOO_MUCH = 0.25, 1.0  # changes at so many of the calm lines are fine (a third is one in three turns)
DRIFT = 0.01  # against moving what makes no difference
RANGES = {
    "half_life": (1.0, 6.0),
    "jolt_from": (0.0, 0.6),
    "jolt_full": (0.1, 1.0),
    "jolt": (0.6, 1.0),
    "own": (0.0, 1.0),
    "reader": (0.3, 1.0),
    "sharpness": (0.5, 3.0),
    "neutral_floor": (0.0, 0.15),
    "margin": (0.0, 0.25),
    "reserve": (0.0, 1.0),
}

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Logs:
    """Many dialogues side by side: n dialogues of at most t lines, padded at the end.

    Args:
        said, felt: (n, t, 28), as read.
        own, there: (n, t), whether the character said it, whether there is such a line.
        speaker: (n, t), which of the dialogue's members said it.
        first, listed: (n, t, 28), what the script says is felt.
        fits: (n, t, e), the expressions that show it.
    """

    said: Floats
    felt: Floats
    own: Bools
    there: Bools
    speaker: NDArray[np.intp]
    first: Bools
    listed: Bools
    fits: Bools

    def half(self, which: int) -> "Logs":
        """Every other dialogue."""
        return Logs(*(getattr(self, name)[which::2] for name in self.__dataclass_fields__))


def side_by_side(scenes: Sequence[Scene]) -> Logs:
    card = cards()["marigold"]
    faces = list(card.expressions)
    shape = (len(scenes), max(len(one.lines) for one in scenes))
    logs = Logs(
        said=np.zeros((*shape, 28)),
        felt=np.zeros((*shape, 28)),
        own=np.zeros(shape, bool),
        there=np.zeros(shape, bool),
        speaker=np.zeros(shape, np.intp),
        first=np.zeros((*shape, 28), bool),
        listed=np.zeros((*shape, 28), bool),
        fits=np.zeros((*shape, len(faces)), bool),
    )
    for n, one in enumerate(scenes):
        names = sorted({line.name for line in one.lines})
        for t, (line, reading) in enumerate(zip(one.lines, one.readings, strict=True)):
            logs.said[n, t], logs.felt[n, t] = reading.said, reading.felt
            logs.own[n, t], logs.there[n, t], logs.speaker[n, t] = line.own, True, names.index(line.name)
            logs.first[n, t, INDEX[line.felt[0]]] = True
            logs.listed[n, t, [INDEX[name] for name in line.felt]] = True
            logs.fits[n, t, [faces.index(name) for name in fitting(card, line.felt)]] = True
    return logs


def moods(logs: Logs, settings: MoodSettings) -> tuple[Floats, NDArray[np.intp]]:
    """What `emotion.mood.feel` makes of all of them at once: shares (n, t, 28) and who leads (n, t)."""
    n, t = logs.own.shape
    weights, held, grudges = np.tile(CALM, (n, 1)), np.full(n, INDEX[NEUTRAL]), np.zeros((n, logs.speaker.max() + 1))
    shares, leads = np.zeros((n, t, 28)), np.zeros((n, t), np.intp)
    rows = np.arange(n)
    fading = regard.faded({"": 1.0}, SECONDS, settings)[""]
    for now in range(t):
        if now:
            weights, grudges = calmed(weights, SECONDS, settings), grudges * fading
            held = leading(held, weights, settings.margin)
        said, own, who = logs.said[:, now], logs.own[:, now], logs.speaker[:, now]
        felt = impression(said, logs.felt[:, now], own, settings)
        grudge = np.where(own, 0.0, regard.moved(grudges[rows, who], felt, said))
        grudges[rows, who] = np.where(grudge < regard.FORGOTTEN, 0.0, grudge)
        felt = regard.withheld(felt, grudge, settings)
        weights = floored(mixed(weights, felt, step(felt, own, settings)), settings.neutral_floor)
        held = leading(held, weights, settings.margin)
        shares[:, now], leads[:, now] = weights, held
    return shares, leads


def faces(shares: Floats, own: Bools) -> NDArray[np.intp]:
    """What `bench.felt.faces` sees on Marigold after each of (n, t, 28) moods: (n, t)."""
    card = cards()["marigold"]
    names = list(card.expressions)
    lead = np.array([[leads_to(card, emotion).get(name, 0.0) for name in names] for emotion in EMOTIONS])
    fed = shares @ lead
    count = len(names)
    weights = np.log((1 - FLOOR * count / (count + 1)) * fed / fed.sum(-1, keepdims=True) + FLOOR / (count + 1))
    worn = np.full(len(shares), names.index(card.neutral))
    seen = np.zeros(shares.shape[:2], np.intp)
    for now in range(shares.shape[1]):
        new = (weights[:, now] + STAY * np.eye(count)[worn]).argmax(-1)
        worn = np.where(own[:, now], worn, new)
        seen[:, now] = worn
    return seen


def judged(logs: Logs, settings: MoodSettings) -> dict[str, float]:
    """`right`, `woken`, `unrest`, and what they come to."""
    shares, leads = moods(logs, settings)
    worn = faces(shares, logs.own)
    calm = logs.listed[..., INDEX[NEUTRAL]]
    pair = logs.there[:, 1:]
    chosen = np.eye(28, dtype=bool)[leads]
    first, listed = (chosen & logs.first).any(-1), (chosen & logs.listed).any(-1)
    weight = np.where(logs.own, 1.0, OTHERS) * logs.there
    right = ((SECOND * listed + (1 - SECOND) * first) * weight).sum() / weight.sum()
    moving = pair & ~calm[:, 1:] & ~logs.own[:, 1:] & ~(logs.listed[:, :-1] & logs.listed[:, 1:]).any(-1)
    turned: Bools = np.take_along_axis(logs.fits[:, 1:], worn[:, 1:, None], -1)[..., 0]
    resting = pair & calm[:, :-1] & calm[:, 1:]
    changed: Bools = np.not_equal(np.stack([np.diff(worn), np.diff(leads)])[:, resting], 0)
    unrest = changed.mean()
    woken, top = turned[moving].mean(), np.asarray(listed)[logs.there].mean()
    good = right + WOKEN * woken - UNREST * unrest - TOO_MUCH * max(0.0, unrest - ALLOWED) - DRIFT * _drift(settings)
    figures = {"good": good, "right": right, "top1": top, "woken": woken, "unrest": unrest}
    return {name: float(value) for name, value in figures.items()}


def _drift(settings: MoodSettings) -> float:
    """How far from what was set by hand, on average, as a share of each range."""
    pairs = ((getattr(settings, name) - getattr(BEFORE, name), high - low) for name, (low, high) in RANGES.items())
    return float(sum(abs(away) / width for away, width in pairs) / len(RANGES))


def tuned(logs: Logs, start: MoodSettings, draws: int = DRAWS) -> MoodSettings:
    """The best settings found: of `draws` random ones and `start`, then of each constant moved by itself."""
    dice = random.Random(SEED)
    best = max([start, *(_drawn(dice, start) for _ in range(draws))], key=lambda one: judged(logs, one)["good"])
    for width in (0.3, 0.15, 0.07, 0.03)[:ROUNDS]:
        for name in RANGES:
            best = max([best, *_around(best, name, width)], key=lambda one: judged(logs, one)["good"])
    return best


def _drawn(dice: random.Random, start: MoodSettings) -> MoodSettings:
    return _rounded(start, {name: dice.uniform(*ends) for name, ends in RANGES.items()})


def _around(best: MoodSettings, name: str, width: float) -> list[MoodSettings]:
    low, high = RANGES[name]
    here = getattr(best, name)
    steps = [here + part * width * (high - low) for part in (-1, -0.5, 0.5, 1)]
    return [_rounded(best, {name: min(max(value, low), high)}) for value in steps]


def _rounded(start: MoodSettings, values: dict[str, float]) -> MoodSettings:
    """Two decimals are all that such figures can bear; `jolt_full` stays above `jolt_from`."""
    made = replace(start, **{name: round(value, 2) for name, value in values.items()})
    return made if made.jolt_full > made.jolt_from else replace(made, jolt_full=round(made.jolt_from + 0.05, 2))


def table(before: MoodSettings, after: MoodSettings, logs: Logs) -> str:
    """Constants and figures, before and after, in Markdown."""
    rows = ["| constant | before | tuned |", "|---|---|---|"]
    rows += [f"| `{name}` | {getattr(before, name):g} | {getattr(after, name):g} |" for name in asdict(before)]
    old, new = judged(logs, before), judged(logs, after)
    rows += [f"| *{name}* | {old[name]:.3f} | {new[name]:.3f} |" for name in old]
    return "\n".join(rows)


def read_all(dialogues: Sequence[Dialogue], starter: Path, cache: Path) -> list[Scene]:
    """What is read from every line; kept in `cache` for as long as neither weights nor dialogues change."""
    digest = hashlib.sha256(repr(dialogues).encode())
    for file in sorted(starter.glob("*.safetensors")):
        digest.update(file.read_bytes())
    cache.mkdir(parents=True, exist_ok=True)
    kept = cache / f"readings-{digest.hexdigest()[:12]}.npz"
    if not kept.is_file():
        readings = [reading for one in asyncio.run(_read(dialogues, starter)) for reading in one.readings]
        np.savez(kept, said=[one.said for one in readings], felt=[one.felt for one in readings])
    found = np.load(kept)
    rows = iter([Reading(tuple(s), tuple(f)) for s, f in zip(found["said"], found["felt"], strict=True)])
    return [Scene(one, [next(rows) for _ in one.lines]) for one in dialogues]


async def _read(dialogues: Sequence[Dialogue], starter: Path) -> list[Scene]:
    async with Gpu("cpu") as gpu, Classifier(gpu, starter=starter) as classifier:
        return await felt(classifier, dialogues)


def main(options: argparse.Namespace) -> None:
    written = [script.dialogue for script in scripts(options.dialogues) if script.held_out]
    logs = side_by_side(read_all(written, options.starter, options.cache))
    best = tuned(logs, BEFORE, options.draws)
    if not options.json or options.out:
        (options.out or Path("/dev/stdout")).write_text(table(BEFORE, best, logs) + "\n")
    old, new = judged(logs, BEFORE), judged(logs, best)
    figures: dict[str, float | int | str] = {"dialogues": len(written), "lines": int(logs.there.sum()), "seed": SEED}
    figures |= {f"{name}_before_and_after": f"{old[name]:.3f} {new[name]:.3f}" for name in old}
    for learned in (0, 1):
        halves = logs.half(learned), logs.half(1 - learned)
        other = judged(halves[1], tuned(halves[0], BEFORE, options.draws))["good"]
        figures[f"tuned_on_half_{learned}"] = f"{judged(halves[1], BEFORE)['good']:.3f} {other:.3f} on the other half"
    finish("tune_mood", new["good"] / old["good"], figures, options)


if __name__ == "__main__":
    arguments = parser(__doc__.splitlines()[0])
    arguments.add_argument("--starter", type=Path, default=STARTER, help="folder with the weights of both networks")
    arguments.add_argument("--dialogues", type=Path, default=DIALOGUES, help="folder with the scripts")
    arguments.add_argument("--draws", type=int, default=DRAWS, help="how many random settings are tried first")
    arguments.add_argument("--cache", type=Path, default=Path("state/cache"), help="folder that keeps what was read")
    arguments.add_argument("--out", type=Path, help="where the table goes")
    main(arguments.parse_args())
