from pathlib import Path

import pytest
import torch

from avatar.codec import PatchCodec, load_codec
from inference.job import ModelMissing


@pytest.mark.parametrize(("patch", "size"), [(6, 192), (4, 32), (1, 8), (3, 3)])
def test_what_is_encoded_comes_back_bit_for_bit(patch: int, size: int) -> None:
    pixels = torch.rand(2, 3, size, size) * 2 - 1
    codec = PatchCodec(patch, size)
    codes = codec.encode(pixels)
    assert codes.shape == (2, 3 * patch**2, size // patch, size // patch)
    assert torch.equal(codec.decode(codes), pixels)


def test_the_blend_mask_names_exactly_the_masked_pixels() -> None:
    codec = PatchCodec(4, 16)
    mask = (torch.rand(2, 1, 16, 16) > 0.5).float()
    assert torch.equal(codec.decode(codec.blend_mask(mask)), mask.expand(2, 3, 16, 16))
    assert codec.encode_mask(mask).shape == (2, 16, 4, 4)


def test_a_codec_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "codec.json"
    path.write_text('{"kind": "patch", "patch": 6, "size": 192}')
    assert load_codec(path) == PatchCodec(6, 192)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "should read like"),
        ('{"kind": "patch", "patch": 6}', "should read like"),
        ("[]", "should read like"),
        ('{"kind": "vae", "patch": 6, "size": 192}', "kind 'vae'"),
        ('{"kind": "patch", "patch": 5, "size": 192}', "multiple of patch"),
        ('{"kind": "patch", "patch": 0, "size": 192}', "multiple of patch"),
    ],
)
def test_a_wrong_codec_file_is_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "codec.json"
    path.write_text(text)
    with pytest.raises(ModelMissing, match=says) as caught:
        load_codec(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_a_missing_codec_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"codec\.json is missing"):
        load_codec(tmp_path / "codec.json")
