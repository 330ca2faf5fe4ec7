"""What a model wrote, as what the character said: no labels, no lines of other people, nothing left open.

While a reply grows, what was shown stays (each result extends the one before); only the finished reply may take back
its unfinished end.
"""

import re
from collections.abc import Iterable, Sequence

from persona.card import Card
from persona.members import EXAMPLE_MEMBER, clean_name, label

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
    names = [clean_name(name, card) for name in members]
    said = _own_words(text.lstrip(), card.name, [*names, EXAMPLE_MEMBER], finished)
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


def _own_words(text: str, own: str, others: Iterable[str], finished: bool) -> str:
    """From behind the character's own label up to the first line that belongs to somebody else."""
    opened = label([own]).match(text)
    if opened:
        text = text[opened.end() :].lstrip()
    elif not finished and _may_become(text, [own]):
        return ""
    cut = re.compile(rf"^(?:{label([own, *others]).pattern}|(?<=\n)\({re.escape(own)} )", re.MULTILINE | re.IGNORECASE)
    foreign = cut.search(text)
    if foreign:
        return text[: foreign.start()]
    *_, last = text.split("\n")
    held = not finished and _may_become(last, [own, *others])
    return text[: len(text) - len(last)] if held else text


def _may_become(line: str, names: Iterable[str]) -> bool:
    """Whether `line` is the beginning of a label, so that showing it would be too early."""
    start = line.lstrip('*_"(').rstrip("*_ ").casefold()
    if not start:
        return bool(line.strip())
    return any(name.casefold().startswith(start) for name in names)


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
