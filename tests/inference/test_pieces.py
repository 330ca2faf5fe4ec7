"""The bytes of tokens, in tokenizers of every family: built here, and the starter's own."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from inference.grammar import Grammar, GrammarError
from inference.job import ModelMissing
from inference.loader import Loaded
from inference.pieces import pieces
from inference.tokens import Tokens

CORPUS = ["the happy pony bakes happily", "ponies bake the bread", "a bread and a baker, été, 🦄 🦄"] * 20
LLAMA3 = (
    "{% for m in messages %}<|start|>{{ m['role'] }}\n{{ m['content'] }}<|turn|>{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)
LLAMA2 = (
    "{% for m in messages %}{% if m['role'] == 'user' %}<s>[INST] {{ m['content'] }} [/INST]"
    "{% else %} {{ m['content'] }} </s>{% endif %}{% endfor %}"
)


def byte_level() -> Tokenizer:
    """As Llama 3, Qwen and SmolLM2 have it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|end|>", "<|start|>", "<|turn|>"],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_tokens([AddedToken("<think>", normalized=False)])
    return tokenizer


def sentence_piece() -> Tokenizer:
    """As Llama 2 and Mistral have it: ▁ for a space, and a token for each byte that is no character of its own."""
    words = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    words += [
        *"▁abcdefghijklmnoprstuvwxyz,.é",
        "▁h",
        "ha",
        "pp",
        "▁ha",
        "happ",
        "▁happ",
        "▁happy",
        "happy",
        "▁sad",
        "sad",
        "▁▁",
    ]
    merges = [
        ("▁", "h"),
        ("h", "a"),
        ("p", "p"),
        ("▁h", "a"),
        ("ha", "pp"),
        ("▁ha", "pp"),
        ("▁happ", "y"),
        ("happ", "y"),
    ]
    model = models.BPE(
        vocab={word: id for id, word in enumerate(dict.fromkeys([*words, "sa", "▁s", "▁sa"]))},
        merges=[*merges, ("s", "a"), ("sa", "d"), ("▁s", "a"), ("▁sa", "d"), ("▁", "▁"), ("▁", "s")],
        byte_fallback=True,
        unk_token="<unk>",
        fuse_unk=True,
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    return tokenizer


def metaspace() -> Tokenizer:
    """As older conversions of SentencePiece models have it; without bytes."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=120, special_tokens=["<unk>", "</s>"], show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def tokens_of(backend: Tokenizer, end: str, template: str) -> Tokens:
    return Tokens(PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=end, chat_template=template))


BYTE_LEVEL, SENTENCE_PIECE = byte_level(), sentence_piece()


@given(st.text(alphabet="ab hpy,é🦄\n\x00<think>", max_size=20))
def test_the_pieces_of_a_text_are_its_bytes(text: str) -> None:
    known = pieces(BYTE_LEVEL)
    assert b"".join(known[id] for id in BYTE_LEVEL.encode(text).ids) == text.encode()
    known = pieces(SENTENCE_PIECE)
    ids = SENTENCE_PIECE.encode(text, add_special_tokens=False).ids
    assert b"".join(known[id] for id in ids) == (f" {text}" if text else "").encode()


def test_the_pieces_of_the_starter_are_what_it_decodes(starter: Loaded) -> None:
    backend: Any = starter.tokenizer.backend_tokenizer
    known = pieces(backend)
    assert len(known) == 49_152
    for id in range(17, 49_152, 7):
        text = known[id].decode("utf-8", "replace")
        assert backend.decode([id]) == text


def test_bytes_and_spaces_of_every_family() -> None:
    known = pieces(SENTENCE_PIECE)
    ids = {name: SENTENCE_PIECE.token_to_id(name) for name in ("<0x0A>", "▁happy", "▁▁", "é")}
    assert [known[id] for id in ids.values()] == [b"\n", b" happy", b"  ", "é".encode()]
    known = pieces(metaspace())
    assert b" the" in known
    assert pieces(BYTE_LEVEL)[BYTE_LEVEL.token_to_id("<think>")] == b"<think>"


def test_ids_that_no_token_has_are_empty() -> None:
    backend = Tokenizer(models.WordLevel({"a": 0, "b": 5}, unk_token="a"))
    backend.decoder = decoders.ByteLevel()
    assert pieces(backend) == [b"a", b"", b"", b"", b"", b"b"]


def test_other_families_are_refused() -> None:
    backend = Tokenizer(models.WordPiece({"a": 0, "##b": 1}, unk_token="a"))
    backend.decoder = decoders.WordPiece()
    with pytest.raises(ModelMissing, match="neither byte-level nor SentencePiece"):
        pieces(backend)


@pytest.mark.parametrize(
    ("backend", "end", "template", "ends"),
    [
        (BYTE_LEVEL, "<|end|>", LLAMA3, {"<|end|>", "<|turn|>"}),  # the template ends a turn otherwise than a text
        (SENTENCE_PIECE, "</s>", LLAMA2, {"</s>"}),
    ],
    ids=["byte-level", "SentencePiece"],
)
def test_a_grammar_holds_in_every_family(backend: Tokenizer, end: str, template: str, ends: set[str]) -> None:
    tokens = tokens_of(backend, end, template)
    assert {backend.id_to_token(id) for id in tokens.ends} == ends
    texts = ["happy", "happily", "sad 🦄\n", " happy"]
    matcher = Grammar.one_of(texts).matcher(tokens)
    walks = 0

    def walk(text: bytes) -> None:
        """Every way through the vocabulary: what is allowed is what keeps one of the texts possible."""
        nonlocal walks
        walks += 1
        allowed = set(matcher.allowed().nonzero().flatten().tolist())
        goals = [goal.encode() for goal in texts]
        expected = {
            id
            for id, piece in enumerate(tokens.pieces)
            if piece and id not in tokens.controls and any(goal.startswith(text + piece) for goal in goals)
        }
        assert allowed == expected | (tokens.ends if text in goals else set())
        for id in expected:
            matcher.accept(id)
            walk(text + tokens.pieces[id])
            matcher.undo(1)

    walk(b"")
    assert walks > 50


def test_what_the_vocabulary_cannot_write_is_said() -> None:
    tokens = tokens_of(metaspace(), "</s>", LLAMA2)
    with pytest.raises(GrammarError, match="no token for the characters"):
        Grammar.one_of(["猫"]).matcher(tokens).allowed()
