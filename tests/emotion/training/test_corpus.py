"""Training material is read as it was written, without what it is judged on."""

import random
from pathlib import Path

import pytest

from emotion.labels import INDEX
from emotion.training.corpus import NAMES, batches, named, raw_texts, read

TABLE = 'I said "no"\t2,3\taaa\nThanks [NAME]! 😭\t15\tbbb\nI said so\t27\tccc\n'


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "train.tsv").write_text(TABLE, encoding="utf-8")
    return tmp_path / "train.tsv"


def test_rows_become_readable_texts_and_truths(table: Path) -> None:
    corpus = read(table)
    assert corpus.texts == ['I said "no"', "Thanks [NAME]! loudly crying face", "I said so"]
    assert corpus.truth.shape == (3, 28)
    assert corpus.truth[0].nonzero().flatten().tolist() == [INDEX["anger"], INDEX["annoyance"]]
    assert corpus.truth[1].nonzero().flatten().tolist() == [INDEX["gratitude"]]


def test_texts_that_are_judged_on_are_not_learned(table: Path) -> None:
    assert read(table, without=frozenset({"Thanks [NAME]! 😭"})).texts == ['I said "no"', "I said so"]
    assert len(read(table, without=raw_texts(table))) == 0


def test_about_half_of_the_placeholders_become_names() -> None:
    dice = random.Random(0)
    texts = [named("[NAME] likes [NAME].", dice) for _ in range(500)]
    kept = sum(text.count("[NAME]") for text in texts)
    assert 400 < kept < 600
    assert {text.split()[0] for text in texts} == {"[NAME]", *NAMES}
    assert named("nobody", dice) == "nobody"


def test_batches_hold_every_row_once_with_little_padding() -> None:
    dice = random.Random(0)
    rows = [[0] * dice.randint(3, 60) for _ in range(1_003)]
    cut = list(batches(rows, 32, dice))
    assert sorted(i for batch in cut for i in batch) == list(range(1_003))
    spent = sum(max(len(rows[i]) for i in batch) * len(batch) for batch in cut)
    assert spent < 1.1 * sum(map(len, rows))
    lengths = [len(rows[batch[0]]) for batch in cut]
    assert lengths != sorted(lengths)
