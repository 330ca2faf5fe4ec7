"""The feeling benchmark gives both sides the same fresh work, and compares arithmetics of one network."""

import random

import torch

from bench.arithmetic import distances, milliseconds, networks
from bench.feel import _messages
from emotion.classifier import STARTER
from emotion.minilm import read_minilm
from emotion.tokens import message_rows


def test_messages_differ_and_have_a_token_for_each_word() -> None:
    messages = _messages(random.Random(0), words=30)
    some = [next(messages) for _ in range(200)]
    assert len(set(some)) == 200
    assert {len(ids) for ids, _ in message_rows(read_minilm().tokenizer, some)} == {32}


@torch.inference_mode()
def test_every_arithmetic_is_one_network() -> None:
    plain = read_minilm()
    nets = {name: net for name, net in networks(STARTER / "head.safetensors", plain).items() if "onnx" not in name}
    figures = distances(nets, plain, ["Thank you so much!", "You are an idiot.", "The shop opens at nine."])
    assert all(figures[f"{name}_max_difference"] < 0.1 for name in nets if name != "float32")
    [row] = message_rows(plain.tokenizer, ["What a surprise!"])
    assert all(each > 0 for each in milliseconds(nets, row, rounds=1).values())
