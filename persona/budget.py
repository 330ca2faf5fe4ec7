"""What to leave out so that a prompt fits: examples first, then the oldest turns, at last the middle of the newest.

What is cut, is cut in strides: one turn more should not move the start of the history, because everything behind a
moved start must be read again. A history of many turns is cut by their number (`window`), one of too many tokens in
strides of half of what fits (`_strided`).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain

from persona.card import PersonaError
from persona.turn import ChatMessage, Turn

ELLIPSIS = " … "

Messages = list[ChatMessage]


def window(total: int, most: int) -> int:
    """How many of a channel's `total` turns to read, the newest: more than half of `most`, and never more than it.

    The oldest of them stays the same while half of `most` turns are added, and then moves by as many at once; a window
    of fixed size would move with every turn. Strides are even, as far as `most` allows, so that a member begins.
    """
    stride = max(-(-most // 2) // 2 * 2, 1)
    return total - max(0, -(-(total - most) // stride) * stride)


def fit(
    name: str,
    system: ChatMessage,
    examples: Sequence[Sequence[ChatMessage]],
    turns: Sequence[Turn],
    render: Callable[[Sequence[Turn]], Messages],
    budget: int,
    count: Callable[[Sequence[ChatMessage]], int],
) -> Messages:
    """`system`, as many `examples` and `turns` (through `render`) as `budget` tokens hold.

    Raises PersonaError when the character `name` leaves no room for any message.
    """

    def compose(shown: Sequence[Sequence[ChatMessage]], kept: Sequence[Turn]) -> Messages:
        return [system, *chain.from_iterable(shown), *render(kept)]

    for number in dict.fromkeys((len(examples), len(examples) // 2, 0)):
        messages = compose(examples[:number], turns)
        if count(messages) <= budget:
            return messages
    start = _least(len(turns) - 1, lambda first: count(compose((), turns[first:])) <= budget)
    if start is not None:
        return compose((), turns[_strided(len(turns), start) :])
    return _shorten(name, turns, lambda kept: compose((), kept), budget, count)


def _least(last: int, holds: Callable[[int], bool]) -> int | None:
    """The least index up to `last` for which `holds`, which once true stays true; None if it never is."""
    if last < 0 or not holds(last):
        return None
    low, high = 0, last
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _strided(total: int, start: int) -> int:
    """The first turn to keep of `total` when those before `start` do not fit: `start` or a little later.

    Counted in strides, the largest power of two up to half of what fits: so it stays where it is while the history
    grows by a stride. `turns` begins at a stride of `window`, so counting from its first turn is counting from any.
    """
    stride = 1 << max(((total - start) // 2).bit_length() - 1, 0)
    return -(-start // stride) * stride


def _shorten(
    name: str,
    turns: Sequence[Turn],
    compose: Callable[[Sequence[Turn]], Messages],
    budget: int,
    count: Callable[[Sequence[ChatMessage]], int],
) -> Messages:
    """The newest turn alone, its middle left out."""
    text = turns[-1].text if turns else ""

    def cut(left_out: int) -> Messages:
        return compose([replace(turns[-1], text=_without_middle(text, left_out))] if turns else [])

    left_out = _least(len(text), lambda number: count(cut(number)) <= budget)
    if left_out is None:
        needed = count(cut(len(text)))
        raise PersonaError(
            f"the card of {name} alone needs {needed} tokens and the prompt may have {budget}; shorten its description,"
            " voice and scenario, or use a model that reads more"
        )
    return cut(left_out)


def _without_middle(text: str, left_out: int) -> str:
    """`text` without `left_out` characters around its middle, an ellipsis in their place."""
    kept = len(text) - left_out
    return f"{text[: (kept + 1) // 2].rstrip()}{ELLIPSIS}{text[len(text) - kept // 2 :].lstrip()}"
