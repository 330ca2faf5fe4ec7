"""A message -> the tokens that a network reads. BERT's vocabulary; knows nothing of networks."""

from collections.abc import Sequence
from typing import TypeAlias

from tokenizers import Tokenizer

Row: TypeAlias = tuple[list[int], list[int]]
"""Token ids and BERT's token types of one text, equally many."""

CLS, SEP = 101, 102  # the marks around and between turns
MAX_TOKENS = 192  # 160 words or so; a longer text is scored by its first and last halves


def token_rows(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Each text's token ids with [CLS] and [SEP], at most MAX_TOKENS: of a longer text the first and last halves."""
    tokenizer.no_truncation()
    return [cut(encoding.ids) for encoding in tokenizer.encode_batch(list(texts))]


def message_rows(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Row]:
    """`token_rows` with the types of a message that stands alone: all 0."""
    return [(ids, [0] * len(ids)) for ids in token_rows(tokenizer, texts)]


def cut(ids: list[int], most: int = MAX_TOKENS) -> list[int]:
    """The first and last halves of `most` tokens, marks at both ends included; all of them if there are no more."""
    half = most // 2
    return ids if len(ids) <= most else ids[:half] + ids[-half:]
