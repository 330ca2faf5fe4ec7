"""What a window looks like to the reader: newest turn first, own words marked, never more than the budget."""

import pytest
import torch
from tokenizers import Tokenizer

from emotion.encoder import load_encoder
from emotion.hearing import BUDGET, EARLIER, NEWEST, window_rows
from emotion.network import newest_turn
from emotion.tokens import SEP
from emotion.window import Heard


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_encoder().tokenizer


WINDOW = [Heard("you broke it", False, "Ann Lee"), Heard("I am so sorry", True, "Pip"), Heard("hm", False, "Bob")]


def test_the_newest_turn_comes_first_and_own_words_are_of_type_one(tokenizer: Tokenizer) -> None:
    [(ids, types)] = window_rows(tokenizer, [WINDOW])
    words = tokenizer.decode(ids, skip_special_tokens=False)
    assert words == "[CLS] bob : hm [SEP] me : i am so sorry [SEP] ann : you broke it [SEP]"
    own = [i for i, kind in enumerate(types) if kind]
    assert tokenizer.decode([ids[i] for i in own]) == "me : i am so sorry"


def test_the_network_takes_its_mean_over_the_newest_turn(tokenizer: Tokenizer) -> None:
    [(ids, _)] = window_rows(tokenizer, [WINDOW])
    rows = torch.tensor([ids, ids[:5] + [0] * (len(ids) - 5)])
    mask = (rows != 0).long()
    focus = newest_turn(rows, mask)
    assert focus.sum(1).tolist() == [5, 5]  # [CLS] bob : hm [SEP]
    assert rows[0, 4] == SEP


@pytest.mark.parametrize("text", ["word " * 2_000, "a" * 10_000, "😡 " * 900, "你好" * 5_000, "нет " * 2_000])
def test_long_turns_keep_to_their_share_of_the_budget(tokenizer: Tokenizer, text: str) -> None:
    rows = window_rows(tokenizer, [[Heard(text, False, "Ann")] * n for n in (1, 2, 8)])
    lengths = [len(ids) for ids, _ in rows]
    assert lengths[0] <= NEWEST + 2
    assert lengths[1] <= NEWEST + EARLIER + 3
    assert max(lengths) <= BUDGET
    assert all(len(ids) == len(types) for ids, types in rows)


def test_of_a_long_turn_the_beginning_and_the_end_are_heard(tokenizer: Tokenizer) -> None:
    [(ids, _)] = window_rows(tokenizer, [[Heard("first " + "word " * 500 + "last", False, "Ann")]])
    words = tokenizer.decode(ids).split()
    assert (words[2], words[-1]) == ("first", "last")


def test_older_turns_are_cut_first(tokenizer: Tokenizer) -> None:
    window = [Heard(f"turn {n} " + "so " * 20, n % 2 == 0, "Ann") for n in range(8)]
    [(ids, _)] = window_rows(tokenizer, [window])
    turns = tokenizer.decode(ids, skip_special_tokens=False).split("[SEP]")[:-1]
    numbers = [next(int(word) for word in turn.split() if word.isdigit()) for turn in turns]
    assert numbers == [7, 6, 5, 4, 3]


def test_any_window_has_a_row(tokenizer: Tokenizer) -> None:
    odd = ["", "\ud800", "[SEP] [CLS]", "\u202e\x00", "م" * 30]
    rows = window_rows(tokenizer, [[], *([Heard(text, False, text)] for text in odd), [Heard("", True)]])
    assert len(rows) == 7
    assert all(ids[0] == 101 and ids.count(SEP) == 1 and len(ids) == len(types) for ids, types in rows)
