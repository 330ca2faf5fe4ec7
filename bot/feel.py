"""`mien feel`: how each line of standard input sounds. A filter: a line in, a line out, in order and at once."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

from bot.compose import open_classifier
from bot.errors import MienError, for_member
from bot.lines import lines
from bot.settings import load_settings
from emotion.labels import EMOTIONS

if TYPE_CHECKING:
    from emotion.classifier import Scores

AT_ONCE = 32  # lines scored together


class Hears(Protocol):
    """What is asked of the classifier."""

    async def score(self, texts: Sequence[str]) -> "list[Scores]": ...
    def labels(self, scores: "Scores") -> list[str]: ...


async def feel(options: argparse.Namespace) -> int:
    """Each line of standard input; exit status 1 if one of them could not be scored."""
    settings = load_settings(options.config)
    if sys.stdin is None:
        raise MienError("Standard input is closed: give it some lines, such as `echo hello | mien feel`.")
    failed = 0
    async with open_classifier(settings) as classifier, aclosing(lines(sys.stdin.fileno())) as arriving:
        async for there in arriving:
            for start in range(0, len(there), AT_ONCE):
                heard = await hear(classifier, there[start : start + AT_ONCE])
                failed += sum(isinstance(scores, str) for scores in heard)
                answers = (_answer(classifier, scores, as_json=options.json) for scores in heard)
                print("\n".join(answers), flush=True)
    return 1 if failed else 0


async def hear(classifier: Hears, texts: Sequence[str]) -> "list[Scores | str]":
    """The scores of each text; a sentence for one that could not be scored, which spoils no other."""
    try:
        return [*await classifier.score(texts)]
    except Exception as error:
        if len(texts) == 1:
            return [for_member(error)]
        return [scores for text in texts for scores in await hear(classifier, [text])]


def _answer(classifier: Hears, scores: "Scores | str", *, as_json: bool) -> str:
    if isinstance(scores, str):
        return json.dumps({"error": scores}) if as_json else scores
    labels = classifier.labels(scores)
    by_name = dict(zip(EMOTIONS, scores, strict=True))
    if as_json:
        return json.dumps({"scores": {name: round(p, 6) for name, p in by_name.items()}, "labels": labels})
    return ", ".join(f"{name} {by_name[name]:.2f}" for name in labels) or "nothing above its threshold"
