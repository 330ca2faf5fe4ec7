"""What a model wrote, as what the character said: no labels, no lines of other people, nothing left open.

While a reply grows, what was shown stays (each result extends the one before); only the finished reply may take back
its unfinished end.
"""

import re
from collections.abc import Iterable, Sequence

from persona.card import Card
from persona.prompt import EXAMPLE_MEMBER, clean_name

LONG = 40
_SENTENCE_END = re.compile(r"[.!?…。！？~]+[\"'”’»)\]*_]*(?=\s|$)")
_CLOSED = re.compile(r"[.!?…。！？~:;)\]\"'”’»*_`>]$|[^\w\s,\-–—]$")
_STAMMER = re.compile(r"\b((\w+)(?:,? \2){2})(?:,? \2\b)+", re.IGNORECASE)  # "no, no, no, no, no": three are enough
_PAIRS = {"“": "”", "«": "»", "(": ")"}


def tidy(text: str, card: Card, members: Sequence[str], *, finished: bool) -> str:
    """The character's words in `text`; "" when there are none (yet)."""
    names = [clean_name(name, card) for name in members]
    said = _own_words(text.lstrip(), card.name, [*names, EXAMPLE_MEMBER], finished)
    said = re.sub(r"[ \t]+\n", "\n", re.sub(r"\n{3,}", "\n\n", said)).strip()
    if not finished:
        return said
    said = _STAMMER.sub(r"\1", _without_echo(said))
    return _close(_whole_sentences(re.sub(r"\(\s*\)", "", said).rstrip()))


def _own_words(text: str, own: str, others: Iterable[str], finished: bool) -> str:
    """From behind the character's own label up to the first line that belongs to somebody else."""
    label = _label([own])
    opened = label.match(text)
    if opened:
        text = text[opened.end() :].lstrip()
    elif not finished and _may_become(text, [own]):
        return ""
    cut = re.compile(rf"^(?:{_label([own, *others]).pattern}|(?<=\n)\({re.escape(own)} )", re.MULTILINE | re.IGNORECASE)
    foreign = cut.search(text)
    if foreign:
        return text[: foreign.start()]
    *_, last = text.split("\n")
    held = not finished and _may_become(last, [own, *others])
    return text[: len(text) - len(last)] if held else text


def _label(names: Iterable[str]) -> re.Pattern[str]:
    """ "Robin:" at a line's start, also as **Robin:** or "Robin :"."""
    any_name = "|".join(re.escape(name) for name in names)
    return re.compile(rf"[*_\"]{{0,2}}(?:{any_name})[*_]{{0,2}}[ \t]?:[*_]{{0,2}}", re.IGNORECASE)


def _may_become(line: str, names: Iterable[str]) -> bool:
    """Whether `line` is the beginning of a label, so that showing it would be too early."""
    start = line.lstrip('*_"(').rstrip("*_ ").casefold()
    if not start:
        return bool(line.strip())
    return any(name.casefold().startswith(start) for name in names)


def _without_echo(text: str) -> str:
    """Up to the first sentence that was already said: a small model that starts over goes on doing so."""
    seen: set[str] = set()
    start = 0
    for end in [match.end() for match in _SENTENCE_END.finditer(text)]:
        sentence = text[start:end].strip().casefold()
        if len(sentence) > 8 and sentence in seen:
            return text[:start].rstrip()
        seen.add(sentence)
        start = end
    return text


def _whole_sentences(text: str) -> str:
    """A long text without its unfinished last sentence."""
    if len(text) <= LONG or _CLOSED.search(text):
        return text
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
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
