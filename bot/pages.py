"""A long text becomes messages Discord accepts.

Pages are cut from the front, and a cut depends only on what stands before it and shortly after: while a text grows,
pages that are full stay as they are, so only the last one needs to be edited. Knows no Discord object.
"""

import re
import unicodedata

PAGE = 2000  # Discord's limit for a message
_FENCE = re.compile(r"```(?:([\w+#.-]{1,30})(?=\n))?")
_JOINER, _FENCE_END = "\u200d", "\n```"


def pages(text: str, limit: int = PAGE) -> list[str]:
    """Cut a text into pages of at most `limit` UTF-16 units, the stricter way to count characters.

    Cuts fall, best first, between paragraphs, lines, sentences, words; never inside a character of several code points.
    A code fence that is cut open is closed at the end of its page and opened again, with its language, on the next.
    """
    done, rest = [], text.strip()
    while _units(rest) > limit:
        cut = _cut(rest, limit - len(_FENCE_END))
        page, rest = rest[:cut], rest[cut:]
        fence = _open_fence(page)
        if fence is None:
            rest = rest.lstrip()
        else:
            page, rest = page.rstrip("\n") + _FENCE_END, f"{fence}\n{rest.removeprefix(chr(10))}"
        done.append(page.rstrip())
    return [page for page in [*done, rest] if page.strip()]


def growing(text: str, limit: int = PAGE) -> list[str]:
    """The pages of a text that is still being written: a code fence still open is closed, so it shows as code."""
    return pages(text if _open_fence(text) is None else text.rstrip() + _FENCE_END, limit)


def _cut(text: str, limit: int) -> int:
    """Where to end a page: an index in `text`, at most `limit` units from its start and never 0."""
    window = _window(text, limit)
    for pattern in (r"\n\s*\n", r"\n", r"(?<=[.!?…。！？])['\"”’)*_~]*\s", r"\s"):
        ends = [match.end() for match in re.finditer(pattern, text[:window])]
        # A cut in the first half would leave a short page: then rather a less beautiful place further down.
        if ends and ends[-1] > window // 2:
            return ends[-1]
    return _whole_character(text, window)


def _window(text: str, limit: int) -> int:
    """How many characters from the start fit into `limit` UTF-16 units."""
    units = 0
    for index, character in enumerate(text):
        units += 1 + (ord(character) > 0xFFFF)
        if units > limit:
            return index
    return len(text)


def _whole_character(text: str, index: int) -> int:
    """The last place at or before `index` where no accent, joiner, skin tone or backtick is torn from its fellows."""
    for place in range(index, max(index - 32, 0), -1):
        if not _clings(text[place]) and text[place - 1] != _JOINER and text[place - 1 : place + 1] != "``":
            return place
    return index


def _clings(character: str) -> bool:
    """Does this code point continue the one before it?"""
    return (
        character == _JOINER
        or unicodedata.category(character).startswith("M")  # accents and variation selectors
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
    )


def _open_fence(page: str) -> str | None:
    """The mark, with its language, that opened the code fence in which the page ends; None: it ends in none."""
    marks = list(_FENCE.finditer(page))
    return f"```{marks[-1][1] or ''}" if len(marks) % 2 else None


def _units(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)
