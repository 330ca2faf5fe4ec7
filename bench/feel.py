"""How long it takes to know a conversation's feeling after one new message: Mien against the usual way.

The usual way, as chat front ends do it: transformers' text-classification pipeline with a model of RoBERTa-base's
shape, over the whole history of 20 messages of 32 tokens, again for every new one. Mien: the new message is scored
through the real `Classifier` and its device's thread; the other 19 were scored when they came. That is the same work,
and `ratio`; `ratio_with_window` is what Mien does for a message in truth, for it also reads the window of turns, which
the usual way has nothing like. Random weights and a tokenizer of one token a word serve the baseline: only its time is
looked at. Both sides get the same texts, take turns, and compute on the device's thread, as everything in Mien does:
two threads with OpenMP teams of their own would get in each other's way.

Then the latency of one message of 32 tokens and one window of 128, and the network in several arithmetics
(`bench/arithmetic.py`) on the same message, with how far each strays from float32 on GoEmotions' development texts
where those are at hand, else on the history.

    python -m bench.feel [--json] [--record] [--rounds 5] [--threads 2] [--starter emotion/starter]
"""

import argparse
import asyncio
import random
import statistics
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from bench.arithmetic import DEV, distances, milliseconds, networks
from bench.report import finish, interleaved, parser
from emotion.classifier import STARTER, Classifier
from emotion.minilm import Minilm, read_minilm
from emotion.tokens import message_rows
from emotion.window import Heard
from inference.gpu import Gpu
from inference.job import Priority

HISTORY = 20  # messages
WORDS = """
    i you he she we they it that this was were is are have had will would could should never always maybe really just
    very thank sorry love hate miss want need think feel know hope wish like good bad great awful funny sad happy angry
    afraid alone together home work night day morning friend mother dog cake door train rain money game song story house
    so but and or because when what why how who here there again today yesterday tomorrow please yes no not
    """.split()  # noqa: SIM905 (a page of quoted words would be harder to read)


def main() -> None:
    options = parser("Milliseconds to know a 20-message history's feeling after one new message.")
    options.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of torch")
    options.add_argument("--starter", type=Path, default=STARTER, help="folder of the two networks' weights")
    arguments = options.parse_args()
    torch.set_num_threads(arguments.threads)
    plain, messages = read_minilm(), _messages(random.Random(1), words=30)
    figures: dict[str, float | int | str] = {"threads": arguments.threads}
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        gpu, classifier = runner.run(_open(stack, arguments))
        on_device = partial(_on_device, runner, gpu)
        ratio = _against_the_pipeline(runner, on_device, classifier, messages, arguments.rounds, figures)
        for name, run in (("message_32", _score_one), ("window_128", _read_one)):
            figures[f"{name}_p50_ms"] = _p50(runner, run, classifier, plain)
        figures |= on_device(partial(_arithmetics, arguments.starter / "head.safetensors", plain))
        runner.run(stack.aclose())
    finish("feel", ratio, figures, arguments)


async def _open(stack: AsyncExitStack, arguments: argparse.Namespace) -> tuple[Gpu, Classifier]:
    gpu = await stack.enter_async_context(Gpu("cpu", threads=arguments.threads))
    return gpu, await stack.enter_async_context(Classifier(gpu, starter=arguments.starter))


def _on_device(runner: asyncio.Runner, gpu: Gpu, work: Callable[[], Any]) -> Any:
    return runner.run(gpu.call(work, Priority.FEELING))


def _against_the_pipeline(
    runner: asyncio.Runner,
    on_device: Callable[[Callable[[], Any]], Any],
    classifier: Classifier,
    messages: Iterator[str],
    rounds: int,
    figures: dict[str, Any],
) -> float:
    """Both sides know the same growing conversation; a turn of both begins with a message that neither has seen."""
    talk = [next(messages) for _ in range(HISTORY - 1)]
    pipeline = on_device(_pipeline)
    runner.run(classifier.score(talk))

    def theirs() -> object:
        talk.append(next(messages))
        return on_device(lambda: pipeline(talk[-HISTORY:], top_k=None))

    def scored() -> object:
        return runner.run(classifier.score(talk[-HISTORY:]))

    def felt() -> object:
        return runner.run(_after(classifier, talk[-HISTORY:]))

    ratio = _ratio("ours", theirs, scored, rounds, figures)
    figures["ratio_with_window"] = round(_ratio("ours_with_window", theirs, felt, rounds, figures), 1)
    return ratio


def _ratio(
    name: str, theirs: Callable[[], object], ours: Callable[[], object], rounds: int, figures: dict[str, Any]
) -> float:
    pipeline_s, ours_s = interleaved(theirs, ours, rounds)
    figures["pipeline_ms"] = round(1e3 * statistics.median(pipeline_s), 1)
    figures[f"{name}_ms"] = round(1e3 * statistics.median(ours_s), 2)
    return statistics.median(pipeline_s) / statistics.median(ours_s)


async def _after(classifier: Classifier, talk: list[str]) -> object:
    """What Mien does when the last message of `talk` arrives: it knows the others."""
    window = [Heard(text, own=bool(i % 2), name="Jo") for i, text in enumerate(talk[-8:])]
    return await classifier.score(talk), await classifier.read([window])


def _pipeline() -> Any:
    """transformers' text-classification pipeline over a random RoBERTa-base with 28 labels."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaForSequenceClassification, pipeline
    from transformers.utils import logging

    logging.set_verbosity_error()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    vocabulary = {word: i for i, word in enumerate([*special, *dict.fromkeys(WORDS)])}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", unk_token="<unk>")
    torch.manual_seed(0)
    shape = RobertaConfig(vocab_size=50265, max_position_embeddings=514, type_vocab_size=1, num_labels=28)
    network = RobertaForSequenceClassification(shape).eval()
    return pipeline("text-classification", model=network, tokenizer=tokenizer, device="cpu")


def _messages(dice: random.Random, words: int) -> Iterator[str]:
    """Messages of so many words, no two alike; each word is one token to either side."""
    seen = set()
    while True:
        text = " ".join(dice.choices(WORDS, k=words))
        if text not in seen:
            seen.add(text)
            yield text


async def _score_one(classifier: Classifier, plain: Minilm, messages: Iterator[str]) -> float:
    text = next(messages)
    assert len(message_rows(plain.tokenizer, [text])[0][0]) == 32
    start = perf_counter()
    await classifier.score([text])
    return perf_counter() - start


async def _read_one(classifier: Classifier, plain: Minilm, messages: Iterator[str]) -> float:
    window = [Heard(next(messages), own=bool(i % 2), name="Jo") for i in range(4)]
    start = perf_counter()
    await classifier.read([window])
    return perf_counter() - start


def _p50(runner: asyncio.Runner, run: Callable[..., Any], classifier: Classifier, plain: Minilm) -> float:
    """Median milliseconds from asking to knowing, over 40 texts of 30 words after 5 that warm up."""
    messages = _messages(random.Random(2), words=30)
    seconds = [runner.run(run(classifier, plain, messages)) for _ in range(45)]
    return round(1e3 * statistics.median(seconds[5:]), 2)


@torch.inference_mode()
def _arithmetics(file: Path, plain: Minilm) -> dict[str, float]:
    nets = networks(file, plain)
    messages = _messages(random.Random(3), words=30)
    [row] = message_rows(plain.tokenizer, [next(messages)])
    figures = {f"{name}_ms": each for name, each in milliseconds(nets, row).items()}
    return figures | distances(nets, plain, _texts() or [next(messages) for _ in range(100)])


def _texts(count: int = 300) -> list[str]:
    """Some of GoEmotions' development texts, if they lie beside the checkout."""
    if not DEV.is_file():
        return []
    from emotion.wording import readable

    lines = DEV.read_text(encoding="utf-8").splitlines()[:count]
    return [readable(line.split("\t")[0]) for line in lines]


if __name__ == "__main__":
    main()
