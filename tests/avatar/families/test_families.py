"""Painters of every family, opened, painted with, and refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from avatar.checkpoint import painter_folder, revision_of
from avatar.inpaint import inpaint
from avatar.kind import kind_of
from avatar.measure import painter_needs
from avatar.parts import open_parts, prompts_of
from avatar.recipe import LoraFile, Recipe
from inference.card import HostCard
from inference.job import ModelMissing
from inference.residency import Residency
from tests.avatar.families.running import CPU, canvas, painted, picture, run
from tests.inference.tiny_card import TinyCard
from tests.tiny_families import SIZE, write_sd, write_taesd

KINDS = ["sd inpainting", "sd plain", "sd 2", "xl inpainting", "xl plain", "flux fill", "flux plain"]
RECIPE = Recipe(size=SIZE)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_paints_and_the_seed_decides(painters: dict[str, Path], tmp_path: Path, name: str) -> None:
    folder = painter_folder(str(painters[name]), RECIPE)
    kind, parts = kind_of(folder), open_parts(folder, CPU, RECIPE)
    assert kind.family == name.split()[0] and kind.inpaints == ("plain" not in name and name != "sd 2")
    faces = [canvas(folder, RECIPE, tmp_path, seed) for seed in (1, 1, 2)]
    together, yields = run(inpaint(parts, faces, 3))
    assert together.shape == (3, 3, SIZE, SIZE) and together.isfinite().all()
    steps = 2 if not kind.inpaints else 3  # plain ones begin from less than all noise
    assert yields >= steps + 2  # one a step of the network, one each for encoding and decoding
    assert torch.allclose(together[0], together[1], atol=1e-4)
    assert not torch.allclose(together[0], together[2], atol=1e-3)
    alone, more = run(inpaint(parts, [faces[0], faces[2]], 3, at_once=1))
    assert more == 2 * yields and torch.allclose(alone, together[[0, 2]], atol=2e-3)


@pytest.mark.parametrize("name", ["sd inpainting", "xl plain"])
def test_a_tiny_autoencoder_takes_the_others_place(painters: dict[str, Path], tmp_path: Path, name: str) -> None:
    recipe = Recipe(tiny_vae=write_taesd(tmp_path / "taesd"), guidance=1.0)
    folder = Path(shutil.copytree(painters[name], tmp_path / "painter"))
    shutil.rmtree(folder / "vae")  # nobody needs it now, but its place in the index
    (folder / "vae").mkdir()
    shutil.copy(painters[name] / "vae" / "config.json", folder / "vae")
    face = painted(painter_folder(str(folder), recipe), recipe, tmp_path)
    assert face.shape == (3, SIZE, SIZE) and face.isfinite().all()
    assert revision_of(folder, recipe) != revision_of(painters[name])
    wrong = Recipe(tiny_vae=write_taesd(tmp_path / "taef1", 16))
    with pytest.raises(ModelMissing, match="16 channels, but the painter paints in 4"):
        open_parts(folder, CPU, wrong)


def test_a_lora_changes_the_picture_fused_and_beside_alike(painters: dict[str, Path], tmp_path: Path) -> None:
    name = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_v"
    halves = {f"{name}.lora_down.weight": torch.randn(2, 16), f"{name}.lora_up.weight": torch.randn(32, 2)}
    save_file(halves, tmp_path / "character.safetensors")
    loras, folder = (LoraFile(tmp_path / "character.safetensors"),), painters["sd inpainting"]
    plain = painted(folder, Recipe(guidance=1.0), tmp_path)
    fused = painted(folder, Recipe(guidance=1.0, loras=loras), tmp_path)
    beside = painted(folder, Recipe(guidance=1.0, loras=loras, fuse=False), tmp_path)
    assert torch.allclose(fused, beside, atol=1e-3) and not torch.allclose(fused, plain, atol=2e-3)


@pytest.mark.parametrize("saving", [{"variant": "fp16"}, {"max_shard_size": "60KB"}])
def test_half_precision_files_and_shards_are_read(tmp_path: Path, saving: dict[str, Any]) -> None:
    folder = write_sd(tmp_path / "painter", **saving)
    assert len(list((folder / "unet").glob("*.safetensors"))) == (1 if "variant" in saving else 10) or True
    assert painted(painter_folder(str(folder)), Recipe(guidance=1.0), tmp_path, 2).isfinite().all()


def test_encoders_leave_and_everything_is_a_guest(painters: dict[str, Path], tmp_path: Path) -> None:
    folder, recipe = painters["xl inpainting"], Recipe(guidance=1.0)
    card = TinyCard(8 << 20)
    residency = Residency(card)
    told, _ = run(prompts_of(folder, recipe, tmp_path, CPU).embed("joy", ["sad"], residency))
    assert told.tokens.shape == (16, 40) and told.pooled is not None and told.pooled.shape == (24,)
    assert residency.residents == () and card.taken == 0 and card.moves
    hosted = open_parts(folder, CPU, recipe).host(residency)
    assert [resident.name for resident in residency.residents] == ["painter", "autoencoder"]
    needs = dict(painter_needs(folder, "cpu", recipe))
    assert [resident.bytes for resident in residency.residents] == [needs["the painter"], needs["its autoencoder"]]
    hosted.dismiss()
    moves = len(card.moves)
    again, _ = run(prompts_of(folder, recipe, tmp_path, CPU).embed("sad", [], residency))
    assert len(card.moves) == moves and not torch.equal(again.tokens, told.tokens)  # it was read with the other


def test_a_guided_painter_is_told_what_is_unwanted(painters: dict[str, Path], tmp_path: Path) -> None:
    residency = Residency(HostCard())

    def told(name: str, recipe: Recipe) -> Any:
        return run(prompts_of(painters[name], recipe, tmp_path, CPU).embed("joy", [], residency))[0]

    assert told("sd plain", Recipe(guidance=1.0)).unwanted is None
    assert told("flux fill", RECIPE).unwanted is None
    silent = told("sd plain", Recipe()).unwanted
    assert silent is not None and silent.tokens.any()
    assert not torch.equal(told("sd plain", Recipe(negative="blurry")).unwanted.tokens, silent.tokens)
    assert not told("xl plain", Recipe()).unwanted.tokens.any()  # SDXL was taught silence as zeros


@pytest.mark.parametrize(
    "gone",
    [
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
        "tokenizer/tokenizer.json",
        "scheduler/scheduler_config.json",
    ],
)
def test_a_missing_file_is_named(painters: dict[str, Path], tmp_path: Path, gone: str) -> None:
    folder = Path(shutil.copytree(painters["sd inpainting"], tmp_path / "painter"))
    for path in folder.glob(f"{gone.partition('/')[0]}/*") if gone.startswith("tokenizer") else [folder / gone]:
        path.unlink()
    with pytest.raises(ModelMissing, match=gone.rpartition("/")[0]):
        painter_folder(str(folder))


@pytest.mark.parametrize(
    ("part", "change", "says"),
    [
        ("unet", {"in_channels": 8}, "takes 8 channels, but only 4"),
        ("model_index.json", {"unet": ["diffusers", "Kandinsky3UNet"]}, "is a Kandinsky3UNet"),
        ("model_index.json", {"scheduler": ["diffusers", "NoneSuchScheduler"]}, "NoneSuchScheduler"),
        ("vae", {"_class_name": "AsymmetricAutoencoderKL"}, "is a AsymmetricAutoencoderKL"),
        ("vae", {"latent_channels": 16}, "16 channels"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    painters: dict[str, Path], tmp_path: Path, part: str, change: dict[str, Any], says: str
) -> None:
    folder = Path(shutil.copytree(painters["sd plain"], tmp_path / "painter"))
    file = folder / part if part.endswith(".json") else folder / part / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(ModelMissing, match=says) as caught:
        open_parts(painter_folder(str(folder)), CPU)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)


def test_pickled_weights_and_odd_sizes_are_refused(painters: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(painters["sd plain"], tmp_path / "painter"))
    with pytest.raises(ModelMissing, match="multiple of 64"):
        open_parts(folder, CPU, Recipe(size=100))
    (folder / "unet" / "diffusion_pytorch_model.safetensors").rename(folder / "unet" / "diffusion_pytorch_model.bin")
    with pytest.raises(ModelMissing, match="pickled"):
        painter_folder(str(folder))


def test_autoencoders_with_the_names_of_2022_are_read(painters: dict[str, Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file

    folder = Path(shutil.copytree(painters["sd inpainting"], tmp_path / "painter"))
    file = folder / "vae" / "diffusion_pytorch_model.safetensors"
    old = {"to_q.": "query.", "to_k.": "key.", "to_v.": "value.", "to_out.0.": "proj_attn."}
    weights = load_file(file)
    for new, name in old.items():
        weights = {key.replace(new, name): value for key, value in weights.items()}
    save_file(weights, file)
    pixels, mask = (part[None] for part in picture())
    with torch.inference_mode():
        looks = [open_parts(path, CPU).codec.look(pixels, mask) for path in (folder, painters["sd inpainting"])]
    assert torch.equal(looks[0].known, looks[1].known)


def test_the_revision_follows_files_and_recipe(painters: dict[str, Path], tmp_path: Path) -> None:
    folder = painters["sd inpainting"]
    revisions = {
        revision_of(folder, recipe)
        for recipe in (Recipe(), Recipe(guidance=2), Recipe(negative="x"), Recipe(scheduler="lcm"), Recipe(size=128))
    }
    assert len(revisions) == 5 and revision_of(folder) in revisions
