"""The bytes that each token of a tokenizer stands for: what a grammar, which is about text, must know of tokens.

Two families of tokenizers write bytes in two ways: byte-level ones (GPT-2, Llama 3, Qwen, SmolLM2) give each of the
256 bytes a letter of its own; SentencePiece ones (Llama 2, Mistral, Gemma) write a space as ▁ and a byte that is no
character of theirs as <0x0A>.
"""

import json
import re
from typing import Any

from inference.job import ModelMissing

SPACE = "▁"
BYTE = re.compile(r"<0x([0-9A-F]{2})>")


def pieces(backend: Any) -> list[bytes]:
    """The bytes of every token by its id; b"" for ids that no token has. Control tokens have those of their names.

    backend: a tokenizer of the tokenizers library. Raises ModelMissing when it is of neither family.
    """
    kinds = _decoders(json.loads(backend.to_str())["decoder"])
    vocabulary = backend.get_vocab(with_added_tokens=True)
    found = [b""] * (max(vocabulary.values(), default=-1) + 1)
    added = set(backend.get_added_tokens_decoder())
    letters = {letter: byte for byte, letter in enumerate(_letters())}
    for token, id in vocabulary.items():
        if id in added:
            found[id] = token.encode()
        elif "ByteLevel" in kinds:
            found[id] = bytes(letters[sign] for sign in token) if letters.keys() >= set(token) else token.encode()
        elif kinds & {"ByteFallback", "Metaspace", SPACE}:
            byte = BYTE.fullmatch(token) if "ByteFallback" in kinds else None
            found[id] = bytes([int(byte[1], 16)]) if byte else token.replace(SPACE, " ").encode()
        else:
            raise ModelMissing("The model's tokenizer is neither byte-level nor SentencePiece: leave grammars away.")
    return found


def _decoders(decoder: Any) -> set[str]:
    """The kinds of decoders in a tokenizer's decoder; SPACE for one that replaces it."""
    if not decoder:
        return set()
    inner = [_decoders(each) for each in decoder.get("decoders", [])]
    replaced = SPACE if decoder.get("pattern") == {"String": SPACE} else decoder["type"]
    return {replaced}.union(*inner)


def _letters() -> list[str]:
    """The letter of each byte in byte-level tokenizers: itself where it is printable, else one from 256 on (GPT-2)."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]
