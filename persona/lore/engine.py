"""Which entries of several lorebooks awaken in a conversation, and which of them there is room for.

    Lore      the books of the character, the persona, the channel and the guild
    awaken    one search: messages, then the texts of what awakened, until nothing new awakens

Constant entries get room first, then what lasts from before, then what is named; among these those that messages name
before those that only other entries' texts name, the nearer scope (entry.py) before the farther, the higher weight
before the lower. An entry too long for what is left is skipped, and shorter ones may still come in. `chance` decides
probabilities and lots: the same seed and the same messages awaken the same entries.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random

from persona.lore.awakening import Awakening
from persona.lore.entry import Scope
from persona.lore.obstacles import Moment
from persona.lore.outcome import Awakened
from persona.lore.rules import LoreRules
from persona.lore.search import Search
from persona.lore.timed import Timed
from persona.lorebook import Lorebook
from persona.turn import Turn

_SCOPES = list(Scope)


class Lore:
    """Cheap to make: what is costly about a book is compiled once and kept with the book."""

    def __init__(self, books: Iterable[Lorebook], rules: LoreRules | None = None) -> None:
        self.books = tuple(sorted(books, key=lambda book: _SCOPES.index(book.scope)))
        self.rules = rules or LoreRules()

    def awaken(
        self,
        turns: Sequence[Turn],
        *,
        count: Callable[[str], int],
        budget: int,
        chance: Random,
        state: Timed | None = None,
        moment: Moment | None = None,
        fill: Callable[[str], str] = str,
        sources: Mapping[str, str] | None = None,
    ) -> Awakened:
        """Search `turns`, the newest last, as "Name: text".

        count: the tokens of a text; all entries together have at most `budget`, those aside that ignore it.
        state: what lasted from the reply before; what lasts from now on is `Awakened.timed`.
        moment: how long the conversation is, and whose; by itself, as long as `turns`.
        fill: puts values for the macros in texts and keys.
        sources: texts of the card that some entries listen to, by the names in persona.lore.entry.SOURCES.
        """
        here = (moment or Moment()).of(turns)
        messages = [f"{turn.name}: {turn.text}" for turn in reversed(turns)]
        search = Search([book.index for book in self.books], messages, sources or {}, fill)
        lasting = (state or Timed()).at(here.messages or 0)
        started = Awakening(self.books, self.rules, search, here, lasting, chance, fill, count, budget)
        return started.run(len(messages))
