from pathlib import Path

import pytest
import torch
from torch import Tensor

from avatar.conditioning import Conditioning
from avatar.families import starter
from avatar.families.starter import STARTER_ENCODERS
from avatar.prompts import BATCH, Prompts
from emotion.minilm import WIDTH, SentenceEncoder, read_minilm
from inference.card import HostCard
from inference.residency import Residency
from tests.inference.tiny_card import TinyCard


def embed(prompts: Prompts, prompt: str, *siblings: str, residency: Residency | None = None) -> Tensor:
    """The steps run here and now, as the device would."""
    steps = prompts.embed(prompt, siblings, residency or Residency(HostCard()))
    with torch.inference_mode():
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value.tokens  # type: ignore[no-any-return]


def test_an_embedding_is_the_encoders_scaled_and_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = Prompts(tmp_path, STARTER_ENCODERS)
    embedding = embed(prompts, "a big happy smile", "sad, a tear", "furious")
    assert embedding.shape == (1, WIDTH) and embedding.dtype == torch.float32
    assert embedding.norm() == pytest.approx(WIDTH**0.5, rel=1e-4)
    alone = SentenceEncoder(read_minilm()).embed(["a big happy smile"]) * WIDTH**0.5
    assert torch.allclose(embedding, alone, atol=1e-3)

    monkeypatch.delattr(starter, "read_minilm")  # from here on the encoder cannot be asked
    assert torch.equal(embed(Prompts(tmp_path, STARTER_ENCODERS), "a big happy smile"), embedding)
    assert Prompts(tmp_path, STARTER_ENCODERS).remembered("sad, a tear") is not None
    assert Prompts(tmp_path, STARTER_ENCODERS).remembered("never met") is None


@pytest.mark.parametrize("content", [b"", b"not tensors", b'\x10\x00\x00\x00\x00\x00\x00\x00{"tokens": {}}'])
def test_a_damaged_embedding_is_forgotten(tmp_path: Path, content: bytes) -> None:
    prompts = Prompts(tmp_path, STARTER_ENCODERS)
    prompts._remember("calm", Conditioning(torch.ones(1, WIDTH)))
    [file] = (tmp_path / "prompts").iterdir()
    assert torch.equal(embed(prompts, "calm"), torch.ones(1, WIDTH))
    file.write_bytes(content)
    assert prompts.remembered("calm") is None
    prompts._remember("calm", Conditioning(torch.full((1, WIDTH), float("nan"))))
    assert prompts.remembered("calm") is None


def test_many_prompts_come_in_batches_and_the_encoder_leaves_the_card(tmp_path: Path) -> None:
    card = TinyCard(128 << 20)
    residency = Residency(card)
    prompts, texts = Prompts(tmp_path, STARTER_ENCODERS), [f"{number} freckles" for number in range(BATCH + 3)]
    embedding = embed(prompts, *texts, residency=residency)
    assert torch.equal(embedding, prompts.remembered(texts[0]).tokens)  # type: ignore[union-attr]
    assert all(prompts.remembered(text) is not None for text in texts)
    assert sum(card.moves) > 80 << 20 and card.taken == 0 and residency.residents == ()
