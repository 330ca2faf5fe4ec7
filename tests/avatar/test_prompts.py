from pathlib import Path

import pytest
import torch

from avatar import prompts as prompts_module
from avatar.prompts import Prompts
from emotion.encoder import WIDTH, load_encoder

CPU = torch.device("cpu")


def test_an_embedding_is_the_encoders_scaled_and_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = Prompts(tmp_path)
    embedding = prompts.embed("a big happy smile", ["sad, a tear", "furious"], CPU)
    assert embedding.shape == (1, WIDTH) and embedding.dtype == torch.float32
    assert embedding.norm() == pytest.approx(WIDTH**0.5, rel=1e-4)
    alone = load_encoder().embed(["a big happy smile"]) * WIDTH**0.5
    assert torch.allclose(embedding, alone, atol=1e-3)

    monkeypatch.delattr(prompts_module, "load_encoder")  # from here on the encoder cannot be asked
    assert torch.equal(Prompts(tmp_path).embed("a big happy smile", [], CPU), embedding)
    assert Prompts(tmp_path).remembered("sad, a tear") is not None
    assert Prompts(tmp_path).remembered("never met") is None


@pytest.mark.parametrize("content", [b"", b"not numpy", b"\x93NUMPY\x01\x00v\x00{'descr'"])
def test_a_damaged_embedding_is_forgotten(tmp_path: Path, content: bytes) -> None:
    prompts = Prompts(tmp_path)
    prompts._remember("calm", torch.ones(WIDTH))
    [file] = (tmp_path / "prompts").iterdir()
    assert torch.equal(prompts.embed("calm", [], CPU), torch.ones(1, WIDTH))
    file.write_bytes(content)
    assert prompts.remembered("calm") is None
    prompts._remember("calm", torch.full((WIDTH,), float("nan")))
    assert prompts.remembered("calm") is None
