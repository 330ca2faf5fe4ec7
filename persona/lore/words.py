"""Plain keys in a text of any script: what is made equal before comparing, and where a word begins and ends.

Made equal: Unicode's compatibility forms (NFKC), case (unless an entry keeps it), typographic apostrophes and hyphens,
runs of blanks, invisible characters. A whole word is bounded by what is neither letter nor digit, except that

- scripts written without blanks (Chinese, Japanese, Thai, Lao, Khmer, Burmese, Tibetan) need no bounds at all;
- a Korean key of several syllables may stand anywhere (compounds are written together), one of a single syllable must
  be a word, with or without particles;
- a key of several words begins at a word, and its last word may go on ("ice cream" is in "ice creams"), as the key of
  several words does in SillyTavern.
"""

import re
import unicodedata

_APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼ＇`´"), "'")
_HYPHENS = dict.fromkeys(map(ord, "‐‑‒–—−"), "-")
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\u2060\ufeff"))
_EQUAL = _APOSTROPHES | _HYPHENS | _INVISIBLE
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
_PARTICLES = (  # what stands behind a Korean noun: case, topic, copula, address; up to three follow each other
    "에게서|한테서|으로서|으로써|이든지|이라도|이라고|입니다|이에요|이었다|에서|에게|께서|한테|이랑|하고|으로|로서|로써|까지"
    "|부터|마저|조차|밖에|처럼|보다|같이|마다|이나|든지|라도|라고|이란|이여|이다|예요|였다|인가|이니|이요|이네|대로|만큼|은|는"
    "|이|가|을|를|의|에|께|와|과|랑|로|도|만|나|란|야|아|여|님|씨|들|다|인|니|요|네|뿐"
)
_TAIL = re.compile(f"(?:{_PARTICLES}){{0,3}}(?![\u1100-\u11ff\u3130-\u318f\uac00-\ud7af])")


def fold(text: str, *, case: bool = False) -> str:
    """`text` as keys and messages are compared; `case` keeps upper and lower case apart."""
    equal = " ".join(unicodedata.normalize("NFKC", text).translate(_EQUAL).split())
    if case:
        return equal
    folded = equal.casefold().replace("i\u0307", "i")  # the Turkish capital I with its dot
    return folded if folded.isascii() else unicodedata.normalize("NFKC", folded)


def stands_alone(text: str, start: int, end: int) -> bool:
    """Whether `text[start:end]`, a key found in a folded text, is a whole word there."""
    before, after = text[start - 1 : start], text[end : end + 1]
    if before and _joined(before, text[start]) and not _compound(text[start:end]):
        return False
    if not after or not _joined(text[end - 1], after):
        return True
    if _HANGUL.match(after) and _HANGUL.match(text[end - 1]):
        return _compound(text[start:end]) or _TAIL.match(text, end) is not None
    return " " in text[start:end]


def _joined(left: str, right: str) -> bool:
    """Whether two neighbours belong to one word."""
    if left.isascii() and right.isascii():  # the usual case, and a search asks this thousands of times
        return left.isalnum() and right.isalnum()
    if not (_letter(left) and _letter(right)) or _UNSPACED.match(left) or _UNSPACED.match(right):
        return False
    return (_HANGUL.match(left) is None) == (_HANGUL.match(right) is None)


def _compound(key: str) -> bool:
    """Whether a Korean key may be part of a longer word."""
    return len(key) > 1 and _HANGUL.match(key[0]) is not None and _HANGUL.match(key[-1]) is not None


def _letter(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character)[0] == "M"
