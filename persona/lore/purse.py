"""The tokens there are for lore: in all, and for each book that limits itself."""

from collections.abc import Iterable, Mapping


class Purse:
    """Never spent below zero by who asks `fits` first."""

    def __init__(self, budget: int, books: Mapping[int, int]) -> None:
        self._left = budget
        self._books = dict(books)

    def left(self, book: int) -> int:
        """What an entry of `book` may take."""
        return max(0, min(self._left, self._books.get(book, self._left)))

    def fits(self, book: int, tokens: int, back: Iterable[tuple[int, int]] = ()) -> bool:
        """Whether there is room, if of these (book, tokens) everything came back."""
        returned = list(back)
        here = sum(given for other, given in returned if other == book)
        return tokens <= self._left + sum(given for _, given in returned) and (
            book not in self._books or tokens <= self._books[book] + here
        )

    def spend(self, book: int, tokens: int) -> None:
        """Take `tokens`; a negative number brings them back."""
        self._left -= tokens
        if book in self._books:
            self._books[book] -= tokens
