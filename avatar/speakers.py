"""Who spoke, small enough for a picture: a name that can be shown, and an initial or two that tell people apart."""

from collections.abc import Iterable
from itertools import chain, count

from avatar.lettering import Lettering


class Speakers:
    """`names`: each name as it is shown; `initials`: the letters or number that stand for it.

    Both are in order of speaking. A name that no font can show becomes "member 2".
    """

    def __init__(self, spoke: Iterable[str], lettering: Lettering) -> None:
        self.names: dict[str, str] = {}
        self.initials: dict[str, str] = {}
        for name in dict.fromkeys(spoke):
            shown = lettering.legible(name)
            self.initials[name] = self._free(shown)
            self.names[name] = shown or f"member {self.initials[name]}"

    def _free(self, shown: str) -> str:
        """The shortest beginning that nobody has yet, of one letter or two; else a number."""
        letters = "".join(letter for letter in shown if letter.isalnum())
        beginnings = (one for one in (letters[:1].upper(), letters[:2].title()) if one)
        taken = set(self.initials.values())
        return next(one for one in chain(beginnings, map(str, count(len(taken) + 1))) if one not in taken)
