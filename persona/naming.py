"""Finding what a name means, however it is typed. It knows words only."""

import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches


def fold(name: str) -> str:
    """For comparing names: compatibility forms, case and blanks made equal (Unicode NFKC and case folding)."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", name).casefold()).strip()


_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # Unicode categories


def visible(text: str) -> str:
    """Without control, format and unassigned characters; joiners stay, for emoji and for the scripts that need them."""
    return "".join(c for c in text if c in "\t\u200c\u200d" or unicodedata.category(c) not in _UNSEEN)


def find(typed: str, names: Iterable[str]) -> str | None:
    """The name that is meant, as it is written among `names`, whatever the case; None where there is no such name."""
    return {fold(name): name for name in reversed(list(names))}.get(fold(typed))


def nearest(typed: str, names: Iterable[str]) -> str | None:
    """The name most like a mistyped one; None where nothing is like it."""
    folded = {fold(name): name for name in names}
    near = get_close_matches(fold(typed), list(folded), n=1, cutoff=0.5)
    return folded[near[0]] if near else None
