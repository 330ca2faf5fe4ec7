"""Is the right thing felt? Of single messages on dev, and of conversations on dialogues written to judge it.

    python -m bench.feel_quality                         everything
    python -m bench.feel_quality --dialogues mine.txt    the context part on a script of your own
    python -m bench.feel_quality --wrong                 … and the dialogues that the mood gets wrong

The classifier part is `bench.reliability`'s, on the texts in --data; without them it is left out.

Context: what does the character feel after the last line? Any emotion the script lists counts. Four answers are
compared: the classifier's on that line alone; the same, heard as a listener hears it; the reader's, who sees the lines
before it; and the mood's, after the whole dialogue. Calm: how often do the leading emotion and the face change? Jolts:
does the face change with the very line, and to one that fits? Faces are those of the three personas, as the mood alone
puts them on.
"""

import argparse
import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean

from bench.felt import JUDGED_ON, Scene, cards, changes, faces, felt, fitting, top
from bench.reliability import DATA, draw, judged, told
from bench.report import finish, parser
from bot.compose import open_classifier
from bot.settings import load_settings
from emotion.appraisal import appraise
from emotion.dialogue import read
from emotion.motion import MoodSettings, evidence

RESAMPLES = 2000
SEED = 7
Guess = Callable[[Scene], str]
Figures = dict[str, float | int | str]


def guesses(settings: MoodSettings) -> dict[str, Guess]:
    """What each of four would say the character feels after the last line."""
    return {
        "last_message": lambda scene: top(scene.readings[-1].said),
        "appraised": lambda scene: top(_appraised(scene)),
        "reader": lambda scene: top(scene.readings[-1].felt),
        "mood": lambda scene: scene.moods(settings)[-1].leading,
    }


def _appraised(scene: Scene) -> Sequence[float]:
    heard = evidence(scene.readings[-1].said).tolist()
    return heard if scene.lines[-1].own else appraise(heard)


def context(scenes: Sequence[Scene], settings: MoodSettings) -> Figures:
    """Top-1 in per cent, of all and of each kind, with 95 % intervals over resampled dialogues."""
    figures: Figures = {"context_dialogues": len(scenes)}
    hits = {
        name: [float(guess(scene) in scene.lines[-1].felt) for scene in scenes]
        for name, guess in guesses(settings).items()
    }
    for name, found in hits.items():
        low, high = interval(found)
        figures[f"context_{name}"] = f"{100 * mean(found):.1f} ({low:.1f} to {high:.1f})"
    gain = [mood - last for mood, last in zip(hits["mood"], hits["last_message"], strict=True)]
    low, high = interval(gain)
    figures["context_mood_above_last_message"] = f"{100 * mean(gain):.1f} ({low:.1f} to {high:.1f})"
    for kind in sorted({one.dialogue.kind for one in scenes}):
        of_kind = [number for number, one in enumerate(scenes) if one.dialogue.kind == kind]
        shares = ", ".join(f"{name} {100 * mean(found[i] for i in of_kind):.0f}" for name, found in hits.items())
        figures[f"context of {kind} ({len(of_kind)})"] = shares
    return figures


def interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % of the means of resampled `values`, in per cent (Efron's percentile bootstrap)."""
    dice = random.Random(SEED)
    means = sorted(mean(dice.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return 100 * means[int(0.025 * RESAMPLES)], 100 * means[int(0.975 * RESAMPLES)]


def calm(scenes: Sequence[Scene], settings: MoodSettings) -> Figures:
    """Changes per three turns, over all logs and in the worst of them; at most 1 is calm."""
    figures: Figures = {"calm_logs": len(scenes), "calm_turns": sum(len(scene.lines) for scene in scenes)}
    moods = [scene.moods(settings) for scene in scenes]
    seen = {"leading": [[mood.leading for mood in log] for log in moods]}
    seen |= {
        slug: [faces(card, log, one.lines) for one, log in zip(scenes, moods, strict=True)]
        for slug, card in cards().items()
    }
    for name, logs in seen.items():
        rates = [3 * changes(log) / len(log) for log in logs]
        busiest = max(changes(log[i : i + 4]) for log in logs for i in range(len(log)))
        figures[f"calm_{name}_changes_per_3_turns"] = round(mean(rates), 3)
        figures[f"calm_{name}_worst"] = f"{max(rates):.2f} in a log, {busiest} in 3 turns"
    return figures


def jolts(scenes: Sequence[Scene], settings: MoodSettings) -> Figures:
    """Share of last lines with which the leading emotion or the face changes, and to what the script expects."""
    figures: Figures = {"jolts": len(scenes)}
    moods = [scene.moods(settings) for scene in scenes]
    pairs = [(log[-2].leading, log[-1].leading, set(s.lines[-1].felt)) for s, log in zip(scenes, moods, strict=True)]
    figures |= _turned("leading", pairs)
    for slug, card in cards().items():
        worn = [faces(card, log, one.lines)[-2:] for one, log in zip(scenes, moods, strict=True)]
        fits = [fitting(card, scene.lines[-1].felt) for scene in scenes]
        figures |= _turned(slug, [(before, now, fit) for (before, now), fit in zip(worn, fits, strict=True)])
    return figures


def _turned(name: str, pairs: Sequence[tuple[str, str, set[str]]]) -> Figures:
    changed = mean(before != now for before, now, _ in pairs)
    rightly = mean(before != now and now in fit for before, now, fit in pairs)
    return {f"jolts_{name}_changed": round(changed, 3), f"jolts_{name}_rightly": round(rightly, 3)}


def wrong(scenes: Sequence[Scene], settings: MoodSettings) -> None:
    """Print the dialogues after which the mood is not what the script expects."""
    for one in scenes:
        mood, last = one.moods(settings)[-1], one.lines[-1]
        if mood.leading not in last.felt:
            shown = ", ".join(f"{name} {share:.2f}" for name, share in mood.strongest())
            print(f"\n[{one.dialogue.kind}] {one.dialogue.character}; expected {', '.join(last.felt)}; felt {shown}")
            print(*(f"  {line.name}: {line.text}" for line in one.lines), sep="\n")


def words(data: Path, plot: Path | None) -> Figures:
    """The classifier's own figures, on dev; nothing where that is absent."""
    found = judged(data) if (data / "dev.tsv").is_file() else None
    if found and plot:
        draw(found).save(plot)
    return told(found) if found else {"dev_texts": 0}


async def main(options: argparse.Namespace) -> None:
    settings = load_settings(options.settings)
    moods = MoodSettings(**settings.mood.model_dump())
    figures = {} if options.dialogues else words(options.data, options.plot)
    async with open_classifier(settings) as classifier:
        written = {kind: await felt(classifier, read(file)) for kind, file in _files(options.dialogues)}
    figures |= context(written["context"], moods)
    if options.wrong:
        wrong(written["context"], moods)
    if "calm" in written:
        figures |= calm(written["calm"], moods) | jolts(written["jolts"], moods)
    hits = [guesses(moods)[name] for name in ("mood", "last_message")]
    ours, theirs = (mean(guess(one) in one.lines[-1].felt for one in written["context"]) for guess in hits)
    finish("feel_quality", ours / max(theirs, 1e-3), figures, options)


def _files(script: Path | None) -> list[tuple[str, Path]]:
    if script:
        return [("context", script)]
    return [(kind, JUDGED_ON / f"{kind}.txt") for kind in ("context", "calm", "jolts")]


if __name__ == "__main__":
    arguments = parser(__doc__.splitlines()[0])
    arguments.add_argument("--dialogues", type=Path, help="a script to measure the context part on, instead of ours")
    arguments.add_argument("--data", type=Path, default=DATA, help="folder with GoEmotions' dev.tsv")
    arguments.add_argument("--plot", type=Path, help="a PNG to draw the classifier's reliability plot to")
    arguments.add_argument("--wrong", action="store_true", help="print what the mood gets wrong")
    arguments.add_argument("--settings", type=Path, help="a mien.toml (default: the one here, if there is one)")
    asyncio.run(main(arguments.parse_args()))
