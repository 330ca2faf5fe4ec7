"""Control tags: `[joy]` in what the model writes is a direction to the engine and never reaches the reader.

Only the names that were given are tags; any other bracket is text. Knows text and nothing else: what a tag does is
the business of whoever reads `reached`.
"""

import re
from collections.abc import Iterable


def overlap(text: str, beginning_of: str) -> int:
    """The length of the longest end of `text` that begins `beginning_of` and is not all of it."""
    lengths = range(min(len(text), len(beginning_of) - 1), 0, -1)
    return next((length for length in lengths if text.endswith(beginning_of[:length])), 0)


class Tags:
    """Text in, text without tags out; what may be the beginning of a tag is held back.

    names: "joy" stands for the tag `[joy]`, to the letter. Where a tag stood between two spaces one of them goes with
    it. The text that comes out and the tags do not depend on how the text is cut into pieces.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._tags = {f"[{name}]": name for name in names}
        self._pattern = re.compile("|".join(map(re.escape, self._tags))) if self._tags else None
        self._held = ""
        self._blank = True  # what was said last ends with white space, or nothing was
        self._skip = False  # a tag was taken out behind white space: spaces that follow it go too

    @property
    def state(self) -> tuple[str, bool, bool]:
        """What `restore` brings back."""
        return self._held, self._blank, self._skip

    def restore(self, state: tuple[str, bool, bool]) -> None:
        """Be as when `state` was asked for."""
        self._held, self._blank, self._skip = state

    def push(self, piece: str) -> tuple[str, str | None]:
        """The text that is certain now, and the last tag that was reached in it."""
        if self._pattern is None:
            return piece, None
        text, said, reached = self._held + piece, "", None
        while found := self._pattern.search(text):
            said += self._say(text[: found.start()])
            text, reached = text[found.end() :], self._tags[found[0]]
            self._skip = self._blank
        held = max(overlap(text, tag) for tag in self._tags)
        self._held = text[len(text) - held :]
        return said + self._say(text[: len(text) - held]), reached

    def flush(self) -> str:
        """What was held back and turned out to be no tag."""
        text, self._held = self._held, ""
        return self._say(text)

    def _say(self, text: str) -> str:
        if self._skip:
            text = text.lstrip(" ")
        if text:
            self._skip, self._blank = False, text[-1].isspace()
        return text
