"""What a model wrote, as what the character said: no labels, no lines of other people, nothing left open.

While a reply grows, what was shown stays (each result extends the one before); only the finished reply may take back
its unfinished end.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

import regex

from persona.card import Card
from persona.members import EXAMPLE_MEMBER, clean_name
from persona.naming import fold, visible

Head = tuple[str, ...]

ECHO = 11  # characters; shorter sentences ("Hello, sugar!") may come again
HEAD = 8  # words at the beginning of a sentence by which it is known again …
WORDS, SAME = 5, 0.75  # … even if a quarter of them differ; of fewer words than WORDS, none may
LONG = 40
SENTENCE_END = re.compile(r"[.!?…。！？~]+[\"'”’»)\]*_]*(?=\s|$)")
_CLOSED = re.compile(r"[.!?…。！？~:;)\]\"'”’»*_`>]$|[^\w\s,\-–—]$")
_STAMMER = re.compile(r"\b((\w+)(?:,? \2){2})(?:,? \2\b)+", re.IGNORECASE)  # "no, no, no, no, no": three are enough
_ASIDE = re.compile(r"\([^)]*\)|\*[^*]*\*")
_PAIRS = {"“": "”", "«": "»", "(": ")"}


def tidy(text: str, card: Card, members: Sequence[str], *, finished: bool, before: Sequence[str] = ()) -> str:
    """The character's words in `text`; "" when there are none (yet).

    `before`: the character's latest replies; a sentence that it already said, or nearly so, is left out, because a
    small model that has begun to repeat itself goes on doing so.
    """
    own = tuple(name for name in (card.name, card.nickname, "{{char}}", "<BOT>") if name)
    said = _own_words(text.lstrip(), own, _called(members, card, own), finished)
    said = re.sub(r"[ \t]+\n", "\n", re.sub(r"\n{3,}", "\n\n", said)).strip()
    fresh = _fresh(said, before, finished)
    if finished and fresh != said and not re.search(r"\w", _ASIDE.sub("", fresh)):
        return ""  # nothing but "(laughs)" is left of what was said before
    fresh = _first(fresh, card.sentences)
    if not finished:
        return fresh
    return _close(_whole_sentences(re.sub(r"\(\s*\)", "", _STAMMER.sub(r"\1", fresh)).rstrip()))


def more_than_enough(text: str, card: Card) -> bool:
    """Whether a growing reply already goes on behind the last sentence that the card lets it have."""
    return card.sentences is not None and len(_sentences(text)) > card.sentences


def repeated(text: str, before: Iterable[str]) -> float:
    """The share of `text`, by letters, in sentences that stand in `before`, or nearly so: 0 to 1."""
    seen = [_head(sentence) for old in before for sentence in _sentences(old)]
    pieces = _sentences(text)
    known = [piece for piece in pieces if any(_alike(_head(piece), old) for old in seen)]
    return sum(map(len, known)) / max(sum(map(len, pieces)), 1)


def closed(text: str) -> bool:
    """Whether `text` ends as a sentence or an action does."""
    return bool(_CLOSED.search(text))


def _called(members: Sequence[str], card: Card, own: Sequence[str]) -> tuple[str, ...]:
    """What a model may call members in front of their words: as it reads them, as the channel shows them, and shorter.

    A first name or a name without its emoji counts, unless the character is called so, too.
    """
    mine = {fold(word) for name in own for word in (name, *name.split())}
    names = list[str]()
    for name in members:
        shown = " ".join(visible(" ".join(name.splitlines())).split())
        bare = " ".join(re.sub(r"[^\w\s'’.-]", " ", shown).split())
        first = bare.split(" ")[0]
        short = (one for one in (bare, first) if len(one) > 2 and fold(one) not in mine)
        names += [clean_name(name, card), shown, *short]
    return tuple(dict.fromkeys(filter(None, (*names, EXAMPLE_MEMBER, "{{user}}", "<USER>", "User"))))


def _own_words(text: str, own: tuple[str, ...], others: tuple[str, ...], finished: bool) -> str:
    """From behind the character's own label up to the first line that belongs to somebody else."""
    opened = _first_line(own).match(text)
    if opened:
        text = text[opened.end() :].lstrip()
    elif not finished and _first_line(own).fullmatch(text, partial=True):
        return ""
    start = 0
    for line in text.split("\n"):
        label = _next_line(own, others) if start else _first_line((*own, *others))
        if label.match(line):
            return text[:start]
        start += len(line) + 1
    held = not finished and label.fullmatch(line, partial=True)
    return text[: len(text) - len(line)] if held else text


_OPEN, _SHUT = r"[*_~\"“>#\[ \t]{0,6}", r"[*_~\"”\]]{0,3}"
_ASIDES = r"(?:[ \t]?(?:\([^()\n]{0,60}\)|\*[^*\n]{0,60}\*))?"
_SAYS = r"(?: (?:says?|said|asks?|asked|repl(?:ies|ied)|answers?|answered|whispers?|shouts?)(?: \w{1,20}){0,2})?"


@lru_cache(maxsize=64)
def _first_line(names: tuple[str, ...]) -> regex.Pattern[str]:
    """ "Robin:", also as **Robin:**, "Robin :" or "Robin (laughs):", where a reply begins."""
    return _label(names, "")


@lru_cache(maxsize=64)
def _next_line(own: tuple[str, ...], others: tuple[str, ...]) -> regex.Pattern[str]:
    """The same on a further line, where "Robin says:" counts as well, and the character's own stage direction."""
    labels = _label((*own, *others), _SAYS).pattern
    return regex.compile(rf"{labels}|\((?:{'|'.join(map(regex.escape, own))}) ", regex.IGNORECASE)


def _label(names: Iterable[str], says: str) -> regex.Pattern[str]:
    any_name = "|".join(regex.escape(name) for name in sorted(names, key=len, reverse=True))
    return regex.compile(
        rf"{_OPEN}(?:{any_name}){_SHUT}{_ASIDES}{says}{_SHUT}[ \t]?[:：][*_~]{{0,3}}", regex.IGNORECASE
    )


def _fresh(text: str, before: Iterable[str], finished: bool) -> str:
    """`text` without sentences like those that it, or one of `before`, already has; one that may become such waits."""
    seen = {_head(sentence) for reply in before for sentence in _sentences(reply)}
    kept, pieces = [], _sentences(text)
    for number, sentence in enumerate(pieces, start=1):
        growing = not finished and number == len(pieces)
        head = _head(sentence.rpartition(" ")[0] if growing else sentence)  # the last word may still be growing
        if growing and len(head) < HEAD:
            echo = any(len(old) >= WORDS or _begins(head, old) for old in seen if _counts(old))
        else:
            broken_off = bool(head) and not SENTENCE_END.search(sentence)
            echo = any(_alike(head, old) or (broken_off and _begins(head, old)) for old in seen)
        if not echo:
            seen.add(head)
            kept.append(sentence)
    return "".join(kept).strip()


def _first(text: str, most: int | None) -> str:
    """The first `most` sentences."""
    pieces = _sentences(text)
    return text if most is None or len(pieces) <= most else "".join(pieces[:most]).strip()


def _begins(start: Head, old: Head) -> bool:
    """Whether a sentence that breaks off after `start` was on its way to be `old`."""
    return _counts(old) and len(start) < HEAD and old[: len(start)] == start


def _alike(head: Head, old: Head) -> bool:
    """Nearly the same words at the beginning; sentences of a few words must be the same."""
    if not _counts(head) or min(len(head), len(old)) < WORDS:
        return _counts(head) and head == old
    return len({*head} & {*old}) >= SAME * max(len({*head}), len({*old}))


def _counts(head: Head) -> bool:
    return len(" ".join(head)) > ECHO


def _head(sentence: str) -> Head:
    """The first words of a sentence, without case and punctuation."""
    return tuple(re.findall(r"[^\W_]+(?:['’][^\W_]+)*", sentence.casefold())[:HEAD])


def _sentences(text: str) -> list[str]:
    """`text` in pieces: sentences with the blanks before them, the last one perhaps unfinished."""
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    pieces = [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]
    return [piece for piece in pieces if piece.strip()]


def _whole_sentences(text: str) -> str:
    """A long text without its unfinished last sentence."""
    if len(text) <= LONG or closed(text):
        return text
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    return text[: ends[-1]] if ends else f"{text.rstrip(' ,;–—-')}…"


def _close(text: str) -> str:
    """Code fences, actions between asterisks, quotes and brackets that were left open, closed."""
    if text.count("```") % 2:
        return f"{text}\n```"
    if "```" in text:
        return text
    text = _close_stars(text)
    for left, right in _PAIRS.items():
        if text.count(left) == text.count(right) + 1 and text.rfind(left) > text.rfind(right):
            text += right
    if text.count('"') % 2:
        text = text[:-1].rstrip() if text.endswith('"') else f'{text}"'
    return text


def _close_stars(text: str) -> str:
    for mark in ("**", "*"):
        marks = text.count("**") if mark == "**" else text.replace("**", "").count("*")
        if marks % 2:
            text = text.removesuffix(mark).rstrip() if text.endswith(mark) else text + mark
    return text
