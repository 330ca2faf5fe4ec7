"""Who speaks next where several characters share a channel.

A member's message is answered by those it names, in the order in which it names them, then by whoever of the others
feels like it (talkativeness), and by somebody in any case. A character's own line calls on those it names. So that no
two of them talk for ever, a message brings a bounded number of replies, a line that names nobody calls nobody, and
nobody answers its own line.

Words only, and chance only where it is handed in: the same message, scene and seed are answered by the same ones.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Self

from persona.naming import fold

if TYPE_CHECKING:
    from persona.card import Persona

REPLIES = 3  # to one message, all characters together

# Scripts that put no blanks between words: Thai to Myanmar, Khmer, kana, Han. Korean puts particles behind a name.
_UNSPACED = "\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HANGUL = "\u1100-\u11ff\uac00-\ud7af"
_BEFORE = rf"(?<![^\W{_UNSPACED}])"  # no letter of a word that the name would be the end of
_BEHIND = rf"(?![^\W{_UNSPACED}{_HANGUL}])"
# Words of many names ("Anna the Brave", "Herr von Stein") that are words of every other sentence, too.
_EVERYBODYS = """
    a an and au aus da das de del den der des di do dos du el et la las le les los mac of old sir the und van von y
    big dr herr frau king lady little lord miss mister mr mrs ms queen saint señor señora st young
"""
_COMMON = frozenset(_EVERYBODYS.split())


@dataclass(frozen=True, slots=True)
class Player:
    """A character of a scene: what it is called, and how readily it speaks unasked, 0 to 1."""

    slug: str
    names: tuple[str, ...]
    talkativeness: float = 0.5

    @classmethod
    def of(cls, persona: "Persona") -> Self:
        card = persona.card
        names = (*words_of(card.nickname), *words_of(card.name), persona.slug, *card.words)
        return cls(persona.slug, tuple(dict.fromkeys(names)), card.talkativeness)


@dataclass(frozen=True, slots=True)
class Scene:
    """The characters of a channel, in the order in which they joined; `replies`: to one message, at most."""

    players: tuple[Player, ...]
    replies: int = REPLIES

    @classmethod
    def of(cls, personas: Iterable["Persona"], replies: int = REPLIES) -> Self:
        return cls(tuple(map(Player.of, personas)), replies)

    def answering(self, text: str, chance: Random, asked: str | None = None) -> tuple[str, ...]:
        """The slugs of those who answer a member's message, in order.

        `asked`: whom it is a reply to; it speaks first. Where there is one character, it is always the one; where there
        are several who never speak unasked, there may be nobody.
        """
        named = [slug for slug in self.named(text) if slug != asked]
        first = ([asked] if asked else []) + named
        others = [player for player in self.players if player.slug not in first]
        willing = [player.slug for player in others if chance.random() < player.talkativeness]
        chance.shuffle(willing)
        speaking = (*first, *willing) or self._somebody(chance)
        return speaking[: self.replies]

    def after(self, line: str, speaker: str, waiting: Sequence[str], spoken: int) -> tuple[str, ...]:
        """Who speaks behind a character's own line: those it calls on, then those who are `waiting` already.

        `spoken`: the replies to the member's message so far, this one included.
        """
        called = [slug for slug in self.named(line) if slug != speaker]
        there = {player.slug for player in self.players}
        waits = [slug for slug in waiting if slug not in (*called, speaker) and slug in there]
        return (*called, *waits)[: max(self.replies - spoken, 0)]

    def named(self, text: str) -> list[str]:
        """The slugs of those whom a text names, in the order in which it does."""
        heard = fold(text)
        found = [(place, player.slug) for player in self.players if (place := _place(heard, player.names)) is not None]
        return [slug for _, slug in sorted(found, key=lambda pair: pair[0])]

    def _somebody(self, chance: Random) -> tuple[str, ...]:
        """One of those who ever speak unasked; the only one there is, even if it does not."""
        ready = [player.slug for player in self.players if player.talkativeness > 0]
        if not ready and len(self.players) == 1:
            ready = [self.players[0].slug]
        return (chance.choice(ready),) if ready else ()


def names(text: str, called: Iterable[str]) -> bool:
    """Does a text hold one of these names, as a word of its own, in any case and any Unicode form of its letters?"""
    return _place(fold(text), called) is not None


def words_of(name: str) -> Iterator[str]:
    """A whole name, and those of its words that are not everybody's: "Anna the Brave" -> all of it, Anna, Brave."""
    if not name.strip():
        return
    yield name
    for word in re.findall(r"\w+", fold(name)):
        if word not in _COMMON and (len(word) > 2 or not word.isascii()):
            yield word


def _place(heard: str, called: Iterable[str]) -> int | None:
    """Where a folded text names somebody first; None where it does not."""
    matches = (re.search(_whole(fold(name)), heard) for name in called if name.strip())
    return min((match.start() for match in matches if match), default=None)


def _whole(name: str) -> str:
    """A pattern for a folded name as a word of its own, as far as its script has words of their own."""
    before = "" if re.match(f"[{_UNSPACED}]", name) else _BEFORE if re.match(r"\w", name) else ""
    behind = "" if re.match(f"[{_UNSPACED}{_HANGUL}]", name[-1]) else _BEHIND if re.match(r"\w", name[-1]) else ""
    return f"{before}{re.escape(name)}{behind}"
