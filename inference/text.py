"""A reply's text as its tokens arrive: whole characters, no control tag, no stop string, and a way back.

`visible` grows by what each token adds; a part of its end may have to wait, because a stop string may be beginning
there. Nothing that was said is ever taken back.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from inference.tags import Tags, overlap
from inference.tokens import Detokenizer


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a reply's text that `restore` goes back to."""

    length: int  # characters of the visible text
    characters: tuple[list[int], int, int]
    tags: tuple[str, bool, bool]


class ReplyText:
    """One reply's text.

    decode: token ids -> text. before: the prompt's tokens. stops: the text ends before the first of these strings;
    the one that ends first counts, and of those that end together the longest. tags: names of control tags.
    """

    def __init__(
        self,
        decode: Callable[[Sequence[int]], str],
        before: Sequence[int],
        stops: Sequence[str] = (),
        tags: Iterable[str] = (),
    ) -> None:
        assert all(stops), "an empty stop string would stop everything"
        self._characters = Detokenizer(decode, before)
        self._tags = Tags(tags)
        self._stops = tuple(stops)
        self.visible = ""
        self.said = 0
        """Characters of `visible` that were handed out."""
        self.stopped = False
        """Whether a stop string was reached: `visible` ends before it."""

    def push(self, token: int) -> str | None:
        """Take in one token; returns the name of the control tag that it completed, the last one if several."""
        return self._hear(self._characters.push(token))

    def flush(self) -> None:
        """No token follows: what was held inside a character or a tag becomes visible."""
        self._hear(self._characters.flush())
        if not self.stopped:
            self._show(self._tags.flush())

    def say(self, end: int | None = None) -> str:
        """Hand out the visible text that was not said yet, up to character `end`."""
        start, self.said = self.said, max(self.said, len(self.visible) if end is None else end)
        return self.visible[start : self.said]

    def certain(self) -> int:
        """The end of the visible text in which no stop string may be beginning."""
        if self.stopped:
            return len(self.visible)
        rest = self.visible[self.said :]
        return len(self.visible) - max((overlap(rest, stop) for stop in self._stops), default=0)

    def cut(self, end: int) -> None:
        """Leave out what comes from character `end` on, which was not said."""
        assert self.said <= end, "what was said cannot be taken back"
        self.visible = self.visible[:end]

    def mark(self) -> Mark:
        """This place."""
        return Mark(len(self.visible), self._characters.state, self._tags.state)

    def restore(self, mark: Mark) -> None:
        """Go back to `mark`, behind which nothing was said."""
        assert self.said <= mark.length, "what was said cannot be taken back"
        self.visible, self.stopped = self.visible[: mark.length], False
        self._characters.restore(mark.characters)
        self._tags.restore(mark.tags)

    def _hear(self, piece: str) -> str | None:
        text, reached = self._tags.push(piece)
        self._show(text)
        return reached

    def _show(self, text: str) -> None:
        self.visible += text
        rest = self.visible[self.said :]
        ends = [(rest.find(stop) + len(stop), rest.find(stop)) for stop in self._stops if stop in rest]
        if ends:
            self.stopped, self.visible = True, self.visible[: self.said + min(ends)[1]]
