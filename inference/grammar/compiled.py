"""A grammar compiled for a tokenizer, and where a reply stands in it.

    grammar = Grammar.from_gbnf('root ::= "yes" | "no"')
    matcher = grammar.matcher(tokens)          # one per reply
    token = sampler.draw(logits, matcher.allowed())
    matcher.accept(token)

llguidance does the matching (docs/why/grammar.md says why it). A grammar speaks of text: every cut of an allowed text
into tokens is allowed. It is compiled once for a tokenizer; a matcher is a cheap copy of that.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from inference.grammar import gbnf, lexemes, parts, schema
from inference.grammar.parts import GrammarError
from inference.tokens import Tokens

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer


class Grammar:
    """What a text may be. Immutable; made by `from_gbnf`, `from_json_schema` or `one_of`.

    lark: in llguidance's notation. unchecked: places of a JSON schema that a text is not held to (`uniqueItems`).
    """

    def __init__(self, lark: str, unchecked: Sequence[str] = ()) -> None:
        # Without forcing: where a text is certain, any of its tokens may begin it, not the tokenizer's own cut alone.
        self._lark = f'%llguidance {{"no_forcing": true}}\n{lark}'
        self.unchecked = tuple(unchecked)
        self._compiled: WeakKeyDictionary[Tokens, LLMatcher] = WeakKeyDictionary()
        self._of_bytes = _compiled(self._lark, _bytes_tokenizer())

    @classmethod
    def from_gbnf(cls, text: str) -> Self:
        """A grammar in GBNF, llama.cpp's notation; it begins with its rule `root`.

        Raises GrammarError with the line and column of a mistake.
        """
        try:
            return cls(lexemes.as_lark(gbnf.read(text)))
        except RecursionError:
            raise GrammarError("The grammar's rules go too deep into one another: write fewer, longer ones.") from None

    @classmethod
    def from_json_schema(cls, obj: Any) -> Self:
        """The JSON texts that satisfy a JSON schema: a mapping, true or false, or the JSON text of one.

        Properties come in the schema's own order. Raises GrammarError that names the keyword and its place.
        """
        return cls(*schema.as_lark(obj))

    @classmethod
    def one_of(cls, strings: Iterable[str]) -> Self:
        """Exactly one of these texts. Raises GrammarError if there are none, or one is empty."""
        texts = list(strings)
        if not texts or not all(texts):
            raise GrammarError("There must be texts to choose from, and none of them may be empty.")
        return cls(lexemes.as_lark({"root": parts.Either(tuple(map(parts.text_of, texts)))}))

    def accepts(self, text: str) -> bool:
        """Whether the whole of `text` is a text of this grammar."""
        matcher = self._of_bytes.deep_copy()
        data = text.encode("utf-8", "surrogatepass")  # a lone surrogate is no character of any grammar
        return matcher.try_consume_tokens(list(data)) == len(data) and matcher.is_accepting()

    def matcher(self, tokens: Tokens) -> "Matcher":
        """For one reply of a model with this tokenizer.

        The first call for a tokenizer compiles the grammar for it, and the first grammar makes llguidance's form of
        its vocabulary, which takes up to a second: neither the event loop nor the device should wait for it.
        """
        if tokens not in self._compiled:
            self._compiled[tokens] = _compiled(self._lark, _tokenizer_of(tokens))
        return Matcher(self._compiled[tokens].deep_copy(), tokens)


class Matcher:
    """Where one text stands in a grammar. Not for use from two threads at once.

    finished: nothing but the end of the turn may follow.
    """

    def __init__(self, matcher: "LLMatcher", tokens: Tokens) -> None:
        self._matcher = matcher
        self._tokens = tokens
        self._ended = 0  # ends accepted: llguidance is not told of them
        self._said = 0  # other tokens accepted
        self._size = len(tokens.pieces)
        self._controls = torch.tensor(sorted(tokens.controls), dtype=torch.long)
        self._ends = torch.tensor(sorted(tokens.ends), dtype=torch.long)
        self._words = torch.zeros((self._size + 31) // 32, dtype=torch.int32)  # one bit for each token

    def allowed(self) -> Tensor:
        """Which tokens may come next: (V,) bool on the CPU, the caller's own. V is the tokenizer's size.

        The tokens that end the turn are allowed where the grammar may end, other control tokens never. Raises
        GrammarError where nothing is: the tokenizer has no token for the only characters that may follow.
        """
        if self._ended:
            allowed = torch.zeros(self._size, dtype=torch.bool)
        else:
            self._matcher.unsafe_compute_mask_ptr(self._words.data_ptr(), self._words.numel() * 4)
            _check(self._matcher)
            bits = np.unpackbits(self._words.numpy().view(np.uint8), count=self._size, bitorder="little")
            allowed = torch.from_numpy(bits).view(torch.bool)
        allowed[self._controls] = False
        allowed[self._ends] = self._may_end()
        return allowed

    def accept(self, token: int) -> None:
        """`token` was said. ValueError, and nothing changes, if it is not allowed."""
        if token in self._tokens.ends and self._may_end():
            self._ended += 1
            return
        # Asked first, for a token that is refused would leave llguidance's matcher unusable.
        known = 0 <= token < self._size and token not in self._tokens.controls
        if not known or self.finished or self._matcher.validate_tokens([token]) != 1:
            raise ValueError(f"The grammar does not allow the token {token} here.")
        self._matcher.consume_token(token)
        self._said += 1

    def undo(self, count: int) -> None:
        """Take back the last `count` accepted tokens. ValueError if there are fewer."""
        if not 0 <= count <= self._ended + self._said:
            raise ValueError(f"There are no {count} accepted tokens to take back.")
        ends = min(count, self._ended)
        if count > ends:
            self._matcher.rollback(count - ends)
            _check(self._matcher)
        self._ended -= ends
        self._said -= count - ends

    @property
    def finished(self) -> bool:
        """Whether nothing but the end of the turn may follow."""
        return self._ended > 0 or self._matcher.is_stopped()

    def _may_end(self) -> bool:
        return self._ended > 0 or self._matcher.is_accepting()


def _compiled(lark: str, tokenizer: "LLTokenizer") -> "LLMatcher":
    from llguidance import LLMatcher

    matcher = LLMatcher(tokenizer, LLMatcher.grammar_from_lark(lark), log_level=0)
    _check(matcher)
    return matcher


def _check(matcher: "LLMatcher") -> None:
    """Raises GrammarError where llguidance gave up."""
    if matcher.is_error():
        reason = matcher.get_error().partition("\n")[0].rstrip(".")
        if reason == "NoExtensionBias":
            raise GrammarError("The model has no token for the characters that the grammar asks for here.")
        raise GrammarError(f"The grammar is too much for the matcher ({reason}): make it simpler.")


class _Vocabulary:
    """A vocabulary in the form in which llguidance's TokenizerWrapper takes one."""

    bos_token_id = None

    def __init__(self, tokens: list[bytes], controls: Iterable[int], end: int) -> None:
        self.tokens = tokens
        self.special_token_ids = list(controls)
        self.eos_token_id = end

    def __call__(self, text: str | bytes) -> list[int]:
        return []  # only asked for where certain text is forced, and no grammar here is


def _wrapped(vocabulary: _Vocabulary) -> "LLTokenizer":
    from llguidance import LLTokenizer, TokenizerWrapper

    return LLTokenizer(TokenizerWrapper(vocabulary), n_vocab=len(vocabulary.tokens))


@cache
def _bytes_tokenizer() -> "LLTokenizer":
    """A vocabulary of the 256 bytes, and an end."""
    return _wrapped(_Vocabulary([*(bytes([byte]) for byte in range(256)), b"<end>"], [256], 256))


_tokenizers: WeakKeyDictionary[Tokens, "LLTokenizer"] = WeakKeyDictionary()


def _tokenizer_of(tokens: Tokens) -> "LLTokenizer":
    """llguidance's own form of a tokenizer, made once."""
    if tokens not in _tokenizers:
        _tokenizers[tokens] = _wrapped(_Vocabulary(tokens.pieces, tokens.controls, min(tokens.ends)))
    return _tokenizers[tokens]
