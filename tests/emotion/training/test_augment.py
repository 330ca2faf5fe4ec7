"""Changed texts still say what they said, and two in one hold what either held."""

import random

import torch

from emotion.labels import EMOTIONS, INDEX
from emotion.training.augment import changed, united, varied
from emotion.training.corpus import Corpus


def one(*labels: str) -> torch.Tensor:
    truth = torch.zeros(len(EMOTIONS))
    truth[[INDEX[label] for label in labels]] = 1
    return truth


def test_most_texts_stay_and_none_vanishes() -> None:
    text = "I really can't believe that you came all this way for me."
    dice = random.Random(0)
    versions = [changed(text, dice) for _ in range(1000)]
    assert 700 < versions.count(text) < 900
    assert all(len(version) > len(text) / 2 for version in versions)
    assert len(set(versions)) > 50


def test_any_text_can_be_changed() -> None:
    dice = random.Random(0)
    for text in ("", "?", "no", "😂", "ok.", "a b", "!!!"):
        for _ in range(100):
            assert isinstance(changed(text, dice), str)


def test_two_messages_in_one_are_neutral_only_if_both_are() -> None:
    assert torch.equal(united(one("joy"), one("neutral")), one("joy"))
    assert torch.equal(united(one("neutral"), one("neutral")), one("neutral"))
    assert torch.equal(united(one("joy"), one("love", "joy")), one("joy", "love"))


def test_an_epoch_has_a_target_for_every_text_and_its_dice_decide() -> None:
    corpus = Corpus(["[NAME] is nice to us"] * 500, torch.stack([one("admiration")] * 500))
    targets = corpus.truth.clone()
    texts, wanted = varied(corpus, targets, random.Random(1))
    again, _ = varied(corpus, targets, random.Random(1))
    assert texts == again != corpus.texts
    assert torch.equal(wanted, targets)  # the same feeling joined with itself
    assert any(len(text.split()) > 8 for text in texts)
