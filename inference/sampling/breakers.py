"""DRY's sequence breakers from text to tokens, over whatever tokens that text may be written with.

A breaker such as ":" is inside many tokens (":", "):", "://"), and a longer one may begin in the middle of one token
and go on in others. So each breaker becomes a table: first token -> what may follow it (KoboldCpp's and llama.cpp's
way, pi6am 2024).
"""

from collections.abc import Callable, Sequence

from inference.sampling.dry import LONGEST_TAIL, Table


class Breakers:
    """Tables of sequence breakers for one tokenizer, each made once: reading a whole vocabulary takes a while.

    pieces: the text of every token by itself, by id. encode: the ids of a text with nothing added.
    """

    def __init__(self, pieces: Callable[[], Sequence[str]], encode: Callable[[str], Sequence[int]]) -> None:
        self._pieces = pieces
        self._encode = encode
        self._tables: dict[tuple[str, ...], Table] = {}

    def __call__(self, texts: tuple[str, ...]) -> Table:
        """The table of these breakers."""
        if texts not in self._tables:
            self._tables[texts] = self._table(texts)
        return self._tables[texts]

    def _table(self, texts: tuple[str, ...]) -> Table:
        found: dict[int, set[tuple[int, ...]]] = {}
        pieces = self._pieces()
        for text in texts:
            whole = {token for token, piece in enumerate(pieces) if text in piece}
            for token in whole:
                found.setdefault(token, set()).add(())
            for length in range(1, len(text)):
                beginning, tail = text[:length], tuple(self._encode(text[length:]))[:LONGEST_TAIL]
                for token, piece in enumerate(pieces):
                    if piece.endswith(beginning) and token not in whole:
                        found.setdefault(token, set()).add(tail)
        return {token: sorted(tails, key=len, reverse=True) for token, tails in found.items()}
