"""Grammars that hold a model's words to a form: what a grammar is, read from its notations, compiled, matched.

    Grammar        GBNF, a JSON schema or a list of texts, ready to be used (compiled.py)
    Matcher        where one reply stands in its grammar
    GrammarError   one sentence: where the mistake is and what was expected (parts.py)

`gbnf.py` reads GBNF into the parts of `parts.py`, `regular.py` finds what is regular in them, `lexemes.py` cuts them
for llguidance; `schema.py` prepares JSON schemas. Knows text and tokens; no model and no sampler.
"""

from inference.grammar.compiled import Grammar, Matcher
from inference.grammar.parts import GrammarError

__all__ = ["Grammar", "GrammarError", "Matcher"]
