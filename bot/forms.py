"""The grammars of persona cards, from their text to what the engine takes; and what is wrong with them.

A broken grammar must not silence a character: it is told to the log, once, and the reply is free.
"""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from persona.card import CARD_FILE, Card, read_folder, unfilled
from persona.form import forms
from persona.tomlfile import Problem

if TYPE_CHECKING:
    from inference.grammar import Grammar

log = logging.getLogger(__name__)

MOST = 64  # grammars kept; the oldest goes


class Forms:
    """Grammars by their text, read once."""

    def __init__(self) -> None:
        self._known: dict[str, Grammar | None] = {}

    def __call__(self, card: Card, expression: str) -> "Grammar | None":
        """What replies in this state must be; None where that is free."""
        text = card.form(expression)
        if not text:
            return None
        if text not in self._known:
            if len(self._known) >= MOST:
                del self._known[next(iter(self._known))]
            self._known[text] = self._read(card, text)
        return self._known[text]

    def _read(self, card: Card, text: str) -> "Grammar | None":
        from inference.grammar import Grammar, GrammarError

        try:
            return Grammar.from_gbnf(text)
        except GrammarError as error:
            log.warning("a grammar of %s is left out; `mien persona check` says where it stands: %s", card.name, error)
            return None


def mistakes(folder: Path) -> Iterator[Problem]:
    """Every mistake in the grammars of a persona folder that is sound otherwise."""
    from inference.grammar import Grammar, GrammarError

    file = folder / CARD_FILE
    card, _ = unfilled(folder, read_folder(folder).character)
    for form in forms(file, card).values():
        try:
            Grammar.from_gbnf(form.text)
        except GrammarError as error:
            yield form.problem(error.line, re.sub(r"^Line \d+, (.*)\.$", r"\1", str(error), flags=re.DOTALL))
