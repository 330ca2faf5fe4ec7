"""Random text classifiers in the formats of the model hub, a few hundred kilobytes each, made by the tests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedTokenizerFast

TEXT = "thank you so much for the cake . i am so sorry , you fool ! what is behind that door ? the shop opens at nine"
SHAPES: dict[str, dict[str, int]] = {
    "bert": {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96},
    "roberta": {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96},
    "distilbert": {"dim": 48, "n_layers": 2, "n_heads": 4, "hidden_dim": 96},
    "deberta-v2": {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96},
    "modernbert": {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96},
}


def make(
    folder: Path, family: str, labels: Sequence[str], problem: str | None = "multi_label_classification", **config: Any
) -> Path:
    """A checkpoint of `family` with random weights that tell texts apart, and a tokenizer of its kind."""
    torch.manual_seed(len(labels))
    tokenizer = _byte_pairs() if family in ("roberta", "modernbert") else _word_pieces()
    settings = AutoConfig.for_model(
        family,
        **SHAPES[family],
        vocab_size=len(tokenizer),
        max_position_embeddings=80,
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
        problem_type=problem,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        cls_token_id=tokenizer.cls_token_id,
        sep_token_id=tokenizer.sep_token_id,
        initializer_range=0.2,
        **config,
    )
    AutoModelForSequenceClassification.from_config(settings).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _word_pieces() -> PreTrainedTokenizerFast:
    words = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words.train_from_iterator([TEXT], trainers.WordPieceTrainer(vocab_size=200, special_tokens=special))
    words.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return _fast(words, special)


def _byte_pairs() -> PreTrainedTokenizerFast:
    pairs = Tokenizer(models.BPE())
    pairs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<pad>", "<unk>", "<s>", "</s>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=special, initial_alphabet=alphabet)
    pairs.train_from_iterator([TEXT], trainer)
    pairs.post_processor = processors.RobertaProcessing(("</s>", 3), ("<s>", 2))
    return _fast(pairs, special)


def _fast(tokenizer: Tokenizer, special: Sequence[str]) -> PreTrainedTokenizerFast:
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **dict(zip(names, special, strict=True)))
