"""Words on a picture: which font has the letters, how long they are, and what to write where none has.

Pillow's own font knows little more than ASCII. Names come in every script, so fonts of the machine are asked next; what
none can show is written without its accents, or not at all: nobody's name becomes a row of boxes or question marks.
"""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from PIL import ImageFont
from PIL.ImageFont import FreeTypeFont

# Looked for by name where the system keeps its fonts; the first that has all letters of a word is taken.
SYSTEM_FONTS = (
    *("NotoSans-Regular.ttf", "DejaVuSans.ttf", "LiberationSans-Regular.ttf", "arial.ttf", "Arial Unicode.ttf"),
    *("NotoSansCJK-Regular.ttc", "NotoSansCJKjp-Regular.otf", "msgothic.ttc", "malgun.ttf", "PingFang.ttc"),
    *("NotoSansArabic-Regular.ttf", "NotoSansHebrew-Regular.ttf", "NotoSansDevanagari-Regular.ttf"),
    *("NotoSansThai-Regular.ttf", "unifont.ttf", "wqy-zenhei.ttc"),
)
_PLAIN = str.maketrans(
    {"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE"}
    | {"ı": "i", "þ": "th", "Þ": "Th", "ð": "d", "–": "-", "—": "-"}
)


class Lettering:
    """Text in the first font that has it. system: names of fonts to look for beside Pillow's own."""

    def __init__(self, system: Sequence[str] = SYSTEM_FONTS) -> None:
        self._system = tuple(system)

    def legible(self, text: str) -> str:
        """One line that can be shown, as near to `text` as there are letters for; "" where there are none.

        Emoji and control characters are left out, ornamental letters become plain ones.
        """
        words = " ".join(_without_symbols(unicodedata.normalize("NFKC", text)).split())
        if not words or self._name(words) is not None:
            return words
        bare = unicodedata.normalize("NFKD", words.translate(_PLAIN))
        kept = " ".join("".join(letter for letter in bare if _has("", letter)).split())
        letters = sum(letter.isalnum() for letter in words)
        return kept if letters and sum(letter.isalnum() for letter in kept) >= letters / 2 else ""

    def font(self, text: str, size: float) -> FreeTypeFont:
        """The font for a legible text."""
        return _font(self._name(text) or "", size) or _font_of_pillow(size)

    def length(self, text: str, size: float) -> float:
        """How wide a legible text is, in pixels."""
        return self.font(text, size).getlength(text)

    def fitted(self, text: str, size: float, width: float) -> str:
        """A legible text, cut with an ellipsis if it is wider than `width` pixels."""
        if self.length(text, size) <= width:
            return text
        cut = len(text)
        while cut > 1 and self.length(f"{text[:cut].rstrip()}…", size) > width:
            cut -= 1
        return f"{text[:cut].rstrip()}…"

    def _name(self, text: str) -> str | None:
        """The font that has every letter: "" is Pillow's own; None: no font has."""
        return next((name for name in ("", *self._system) if _covers(name, text)), None)


def _without_symbols(text: str) -> str:
    """No emoji (So, and the modifiers and joiners beside them), no control or private characters."""
    return "".join(
        " " if letter.isspace() else letter
        for letter in text
        if letter.isspace() or unicodedata.category(letter) not in ("So", "Sk", "Cc", "Cf", "Cs", "Co", "Cn", "Me")
        if not "\ufe00" <= letter <= "\ufe0f"  # variation selectors
    )


def _covers(name: str, text: str) -> bool:
    return _font(name, 20) is not None and all(letter == " " or _has(name, letter) for letter in text)


@lru_cache(maxsize=4096)
def _has(name: str, letter: str) -> bool:
    """Does the font draw this letter otherwise than one that no font has?"""
    font = _font(name, 20)
    if font is None:
        return False
    missing, shape = font.getmask("\uffff"), font.getmask(letter)
    return (shape.size, bytes(shape)) != (missing.size, bytes(missing))


@lru_cache(maxsize=64)
def _font(name: str, size: float) -> FreeTypeFont | None:
    """A font by its name, "" is Pillow's own; None for one that this machine lacks."""
    try:
        return ImageFont.truetype(name, size) if name else _font_of_pillow(size)
    except OSError:
        return None


def _font_of_pillow(size: float) -> FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, FreeTypeFont), "Pillow was built without FreeType"
    return font
