"""The classifier on the device, with the weights that are shipped."""

import asyncio
import math
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
import torch

from emotion.classifier import REMEMBERED, SILENCE, STARTER, Classifier
from emotion.delta import write
from emotion.encoder import load_encoder
from emotion.labels import EMOTIONS, INDEX
from emotion.network import EmotionNet
from emotion.tokens import Row
from emotion.window import Heard
from inference.gpu import Gpu
from inference.job import ModelMissing, Priority


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def classifier() -> AsyncIterator[Classifier]:
    async with Gpu("cpu") as gpu, Classifier(gpu) as ready:
        yield ready


@pytest.fixture(scope="module")
def with_reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped classifier's folder with another classifier and a reader in it, both a little off the plain net."""
    folder = tmp_path_factory.mktemp("starter")
    (folder / "head.safetensors").write_bytes((STARTER / "head.safetensors").read_bytes())
    torch.manual_seed(5)
    net, before = EmotionNet(load_encoder().model), EmotionNet(load_encoder().model)
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if "word_embeddings" not in name:
                weight += 0.005 * torch.randn_like(weight)
    write(folder / "reader.safetensors", net, before, torch.full((28,), 0.5), kind="reader")
    write(folder / "other.safetensors", net, before, torch.full((28,), 0.5))
    return folder


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Thank you so much for your help!", "gratitude"),
        ("I'm so sorry, I didn't mean to hurt you.", "remorse"),
        ("I love you!", "love"),
        ("Haha, that's hilarious 😂", "amusement"),
        ("You are an idiot and I hate you.", "anger"),
        ("I'm terrified of what is behind that door.", "fear"),
        ("Why does the oven need to be hot first?", "curiosity"),
        ("That is disgusting.", "disgust"),
        ("My grandmother died and I can't stop crying.", "sadness"),
        ("I can't wait for the party tonight!!", "excitement"),
        ("The shop opens at nine.", "neutral"),
        ("You baked this yourself, Marigold? Amazing work!", "admiration"),
    ],
)
async def test_plain_feelings_are_recognised(classifier: Classifier, text: str, label: str) -> None:
    [scores] = await classifier.score([text])
    assert label in classifier.labels(scores)


async def test_any_string_is_scored(classifier: Classifier) -> None:
    texts = [
        "",
        " \n",
        "a" * 10_000,
        "word " * 5_000,
        "😂",
        "😡" * 3_000,
        "你好",
        "привет",
        "مرحبا",
        "\x00\x1b[31m\ud800",
        "*",
    ]
    for scores in await classifier.score(texts):
        assert len(scores) == len(EMOTIONS)
        assert all(math.isfinite(p) and 0 <= p <= 1 for p in scores)


async def test_a_message_without_words_is_neutral(classifier: Classifier) -> None:
    assert await classifier.score(["", "https://example.com/cat.gif", "\u200b"]) == [SILENCE] * 3
    assert classifier.labels(SILENCE) == ["neutral"]


@pytest.mark.parametrize(
    ("emoji", "label"),
    [
        ("😂", "amusement"),
        ("❤️", "love"),
        ("🥰", "love"),
        ("😊", "joy"),
        ("😭😭", "sadness"),
        ("💔", "sadness"),
        ("😡", "anger"),
        ("🙄", "annoyance"),
        ("🤢", "disgust"),
        ("😱", "fear"),
        ("😰", "nervousness"),
        ("😮", "surprise"),
        ("🤔", "curiosity"),
        ("😕", "confusion"),
        ("😳", "embarrassment"),
        ("😌", "relief"),
        ("👍🏽", "approval"),
        ("👎", "disapproval"),
        ("👏", "admiration"),
        ("🙏", "gratitude"),
        ("🎉", "excitement"),
        ("🤗", "caring"),
    ],
)
async def test_a_lone_emoji_says_what_people_say_with_it(classifier: Classifier, emoji: str, label: str) -> None:
    [scores] = await classifier.score([emoji])
    assert label in classifier.labels(scores)


async def test_the_end_of_a_long_message_is_read(classifier: Classifier) -> None:
    [scores] = await classifier.score(["The train leaves at nine. " * 400 + "Thank you so much for everything!"])
    [plain] = await classifier.score(["The train leaves at nine. " * 400])
    assert scores[INDEX["gratitude"]] > 10 * plain[INDEX["gratitude"]]


async def test_labels_are_those_that_reach_their_threshold_likeliest_first(classifier: Classifier) -> None:
    assert classifier.labels((0.0,) * 28) == []
    assert set(classifier.labels(classifier.thresholds)) == set(EMOTIONS)
    [scores] = await classifier.score(["Thank you, I'm so sorry!"])
    reached = [i for i, p in enumerate(scores) if p >= classifier.thresholds[i]]
    assert classifier.labels(scores) == [EMOTIONS[i] for i in sorted(reached, key=lambda i: -scores[i])]
    assert {"gratitude", "remorse"} <= set(classifier.labels(scores))


async def test_scores_come_in_order_and_do_not_depend_on_their_company() -> None:
    texts = [f"I {'really ' * (i % 9)}like number {i}." for i in range(40)]
    async with Gpu("cpu") as gpu, Classifier(gpu) as together, Classifier(gpu) as alone:
        crowd = await together.score(texts)
        for i in (0, 8, 17, 39):
            [one] = await alone.score([texts[i]])
            assert one == pytest.approx(crowd[i], abs=1e-4)


async def test_texts_that_do_not_fit_together_are_scored_one_by_one(classifier: Classifier) -> None:
    sizes: list[int] = []
    ear = classifier._words

    def probabilities(rows: Sequence[Row]) -> torch.Tensor:
        sizes.append(len(rows))
        if len(rows) > 1:
            torch.empty(1 << 60, dtype=torch.int8)  # more than any machine has
        return ear.probabilities(rows)

    classifier._words = replace(ear, probabilities=probabilities)
    scored = await classifier.score([f"Together we are {number}, how wonderful!" for number in range(5)])
    classifier._words = ear
    assert sizes == [5, 1, 1, 1, 1, 1] and [len(scores) for scores in scored] == [28] * 5


async def test_a_text_is_scored_once_and_memory_is_bounded(classifier: Classifier) -> None:
    [first] = await classifier.score(["What a surprise!"])
    assert (await classifier.score(["What a surprise!", "**What a surprise!**"])) == [first, first]
    assert await classifier.score([]) == []
    assert REMEMBERED >= 1_000


async def test_a_conversation_is_read_once_and_its_feelings_sum_to_1(with_reader: Path) -> None:
    hello, sorry = Heard("hello there", False, "Jo"), Heard("I broke it. I'm sorry!", True, "Bram")
    windows = [[hello], [hello, sorry], [], [Heard("", False, "Jo")]]
    async with Gpu("cpu") as gpu, Classifier(gpu, starter=with_reader) as classifier:
        felt = await classifier.read(windows)
        assert [sum(scores) for scores in felt] == pytest.approx([1.0] * 4, abs=1e-5)
        assert felt[2] == felt[3] == SILENCE and felt[0] != felt[1]
        classifier._reader = None  # what was read is not read again
        assert await classifier.read([[hello, sorry], [hello]]) == [felt[1], felt[0]]


async def test_several_networks_say_their_mean(with_reader: Path, tmp_path: Path) -> None:
    texts = ["What a surprise!", "You fool."]
    scored = {}
    async with Gpu("cpu") as gpu:
        for name, files in (("one", ["a"]), ("other", ["b"]), ("both", ["a", "b"])):
            folder = tmp_path / name
            folder.mkdir()
            for number, file in enumerate(files):
                source = STARTER / "head.safetensors" if file == "a" else with_reader / "other.safetensors"
                (folder / f"head{number}.safetensors").write_bytes(source.read_bytes())
            async with Classifier(gpu, starter=folder) as classifier:
                scored[name] = torch.tensor(await classifier.score(texts))
    torch.testing.assert_close(scored["both"], (scored["one"] + scored["other"]) / 2)
    assert (scored["one"] - scored["other"]).abs().max() > 0.01


async def test_without_a_reader_messages_are_scored_and_windows_refused(tmp_path: Path) -> None:
    (tmp_path / "head.safetensors").write_bytes((STARTER / "head.safetensors").read_bytes())
    async with Gpu("cpu") as gpu, Classifier(gpu, starter=tmp_path) as classifier:
        assert len(await classifier.score(["hello"])) == 1
        with pytest.raises(ModelMissing, match=r"reader\.safetensors is missing: it is part of Mien"):
            await classifier.read([[Heard("hello", False, "Jo")]])


async def test_a_text_scored_before_does_not_wait_for_the_device() -> None:
    held = threading.Event()
    async with Gpu("cpu") as gpu, Classifier(gpu) as classifier:
        known = await classifier.score(["Good morning, everyone!"])
        busy = asyncio.create_task(gpu.call(held.wait, Priority.FEELING))
        try:
            async with asyncio.timeout(30):
                assert await classifier.score(["Good morning, everyone!"]) == known
        finally:
            held.set()
        assert await busy


async def test_missing_weights_are_named_with_what_to_do(tmp_path: Path) -> None:
    async with Gpu("cpu") as gpu:
        with pytest.raises(ModelMissing, match="are part of Mien"):
            async with Classifier(gpu, starter=tmp_path):
                pass
        with pytest.raises(ModelMissing, match="mien starter"):
            async with Classifier(gpu, encoder=tmp_path):
                pass


async def test_the_shipped_files_are_small_and_the_card_names_every_label() -> None:
    assert (STARTER / "head.safetensors").stat().st_size < 12e6
    card = (STARTER / "card.md").read_text(encoding="utf-8")
    assert all(f"| {name} |" in card for name in EMOTIONS)
    assert "CC BY 4.0" in card
