"""A window of turns -> the reader's tokens: [CLS] name: newest [SEP] name: the turn before [SEP] … oldest [SEP].

The newest turn stands first, so that it is always at the same place and the oldest is what falls off the end. Tokens
of the character's own turns have BERT's token type 1, all others type 0. The network's mean goes over the newest turn
alone (`emotion/network.py`); the turns behind it are there to be attended to.
"""

from collections.abc import Sequence

from tokenizers import Tokenizer

from emotion.tokens import CLS, SEP, Row
from emotion.window import Heard

BUDGET = 128  # tokens of a window, marks included
NEWEST = 72  # of them for the newest turn; a longer one is heard by its first and last halves
EARLIER = 40  # for each turn before it
NAME = 16  # characters of a speaker's name that are heard
ME = "me"  # how the character's own turns are headed


def window_rows(tokenizer: Tokenizer, windows: Sequence[Sequence[Heard]]) -> list[Row]:
    """Each window's (ids, types), at most BUDGET long; the newest turn comes last in a window and first in its row.

    Any window will do, also one that is empty or holds no words. Turns that no longer fit whole are left out.
    """
    tokenizer.no_truncation()
    texts = [_headed(turn) for window in windows for turn in window]
    encoded = iter(tokenizer.encode_batch(texts, add_special_tokens=False))
    return [_row([(next(encoded).ids, turn.own) for turn in window]) for window in windows]


def _headed(turn: Heard) -> str:
    name = ME if turn.own else (turn.name.split() or [""])[0][:NAME]
    # A lone surrogate is a Python string but not a text; the tokenizer would refuse it. A mark inside a text is words.
    text = f"{name}: {turn.text}".encode("utf-8", "replace").decode()
    return text.replace("[SEP]", "sep").replace("[CLS]", "cls")


def _row(turns: list[tuple[list[int], bool]]) -> Row:
    ids, types = [CLS], [0]
    for back, (words, own) in enumerate(reversed(turns)):
        words = [*_cut(words, EARLIER if back else NEWEST), SEP]
        if len(ids) + len(words) > BUDGET:
            break
        ids += words
        types += [int(own)] * len(words)
    return (ids, types) if turns else ([CLS, SEP], [0, 0])


def _cut(ids: list[int], most: int) -> list[int]:
    half = most // 2
    return ids if len(ids) <= most else ids[:half] + ids[-half:]
