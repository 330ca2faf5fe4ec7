"""One denoising run against diffusers' own inpainting pipelines, opened from the same folder: same noise and steps."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from avatar.families.flux import pack, unpack
from avatar.opening import FEW_STEP_SCHEDULERS
from avatar.parts import open_parts
from avatar.recipe import Recipe, SchedulerName
from inference.formats.folder import quiet
from tests.avatar.families.running import CPU, NEGATIVE, PROMPT, canvas, painted_codes, picture
from tests.tiny_families import SCALE, SIZE

STEPS, SEED = 4, 7
HIGH = SIZE // SCALE


def pipeline_codes(folder: Path, kind: str, steps: int = STEPS, scheduler: Any = None, **named: Any) -> Tensor:
    """What the pipeline `kind` of diffusers ends with, (1, C, h, w)."""
    import diffusers

    with quiet():
        pipeline = getattr(diffusers, kind).from_pretrained(folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    if scheduler is not None:
        pipeline.scheduler = scheduler(pipeline.scheduler)
    pixels, mask = picture()
    noise = torch.randn(1, 4, HIGH, HIGH, generator=torch.Generator().manual_seed(SEED))
    if kind == "FluxFillPipeline":
        noise = pack(noise)
    if named.get("strength", 1.0) < 1:  # given latents it takes for noised ones, so it draws them: first of all, if it
        named["generator"] = torch.Generator().manual_seed(SEED)  # is given the picture's code
        named |= {"masked_image_latents": torch.zeros_like(noise), "image": encoded(pipeline.vae, pixels)}
        noise = None  # type: ignore[assignment]
    named = {"image": pixels[None] / 2 + 0.5} | named
    codes = pipeline(
        prompt=PROMPT,
        mask_image=mask[None],
        latents=noise,
        height=SIZE,
        width=SIZE,
        num_inference_steps=steps,
        output_type="latent",
        **named,
    ).images
    return unpack(codes, HIGH, HIGH) if kind.startswith("Flux") else codes


def encoded(vae: Any, pixels: Tensor) -> Tensor:
    """A picture's code (1, C, h, w)."""
    with torch.inference_mode():
        codes: Tensor = vae.encode(pixels[None]).latent_dist.mode()
    return codes * vae.config.scaling_factor


def with_scheduler(painter: Path, folder: Path, name: str) -> Path:
    """A copy of a painter that names another scheduler."""
    shutil.copytree(painter, folder)
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"scheduler": ["diffusers", name]}))
    config = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(config | {"skip_prk_steps": True}))
    return folder


def ours(folder: Path, recipe: Recipe, cache: Path, steps: int = STEPS) -> Tensor:
    return painted_codes(open_parts(folder, CPU, recipe), [canvas(folder, recipe, cache, SEED)], steps)


def may_change() -> Tensor:
    return torch.nn.functional.max_pool2d(picture()[1], SCALE).bool().expand(1, 4, HIGH, HIGH)


def assert_same_inside(found: Tensor, truth: Tensor) -> None:
    """The painted codes are the pipeline's, up to float32's rounding."""
    inside, wide = may_change(), float(truth.std())
    difference = float((found - truth)[inside].abs().max())
    assert wide > 0.1 and difference < 1e-4 * max(1, wide), f"{difference} of {wide}"


@pytest.mark.parametrize("guidance", [7.5, 1.0])
@pytest.mark.parametrize("name", ["sd inpainting", "sd plain", "sd 2"])
def test_stable_diffusion(painters: dict[str, Path], tmp_path: Path, name: str, guidance: float) -> None:
    recipe = Recipe(guidance=guidance, strength=1.0, negative=NEGATIVE)
    truth = pipeline_codes(
        painters[name], "StableDiffusionInpaintPipeline", guidance_scale=guidance, negative_prompt=NEGATIVE
    )
    assert_same_inside(ours(painters[name], recipe, tmp_path), truth)


@pytest.mark.parametrize("guidance", [5.0, 1.0])
@pytest.mark.parametrize("name", ["xl inpainting", "xl plain"])
def test_xl(painters: dict[str, Path], tmp_path: Path, name: str, guidance: float) -> None:
    recipe = Recipe(guidance=guidance, strength=1.0, negative=NEGATIVE)
    truth = pipeline_codes(
        painters[name],
        "StableDiffusionXLInpaintPipeline",
        guidance_scale=guidance,
        negative_prompt=NEGATIVE,
        strength=1.0,
    )
    assert_same_inside(ours(painters[name], recipe, tmp_path), truth)


def test_xl_without_a_negative_prompt_is_guided_away_from_zeros(painters: dict[str, Path], tmp_path: Path) -> None:
    truth = pipeline_codes(
        painters["xl inpainting"], "StableDiffusionXLInpaintPipeline", guidance_scale=5.0, strength=1.0
    )
    assert_same_inside(ours(painters["xl inpainting"], Recipe(guidance=5.0), tmp_path), truth)


def test_flux_fill(painters: dict[str, Path], tmp_path: Path) -> None:
    truth = pipeline_codes(painters["flux fill"], "FluxFillPipeline", guidance_scale=30.0, max_sequence_length=20)
    assert_same_inside(ours(painters["flux fill"], Recipe(size=SIZE), tmp_path), truth)


def test_plain_flux(painters: dict[str, Path], tmp_path: Path) -> None:
    truth = pipeline_codes(
        painters["flux plain"], "FluxInpaintPipeline", guidance_scale=3.5, strength=1.0, max_sequence_length=20
    )
    assert_same_inside(ours(painters["flux plain"], Recipe(strength=1.0, size=SIZE), tmp_path), truth)


@pytest.mark.parametrize("name", ["DPMSolverMultistepScheduler", "EulerDiscreteScheduler", "PNDMScheduler"])
def test_the_scheduler_that_the_folder_names(painters: dict[str, Path], tmp_path: Path, name: str) -> None:
    folder = with_scheduler(painters["sd plain"], tmp_path / "painter", name)
    truth = pipeline_codes(folder, "StableDiffusionInpaintPipeline", guidance_scale=2.0, steps=6, strength=0.7)
    assert_same_inside(ours(folder, Recipe(guidance=2.0, strength=0.7), tmp_path, steps=6), truth)


@pytest.mark.parametrize("name", ["lcm", "euler", "ddim", "tcd"])
def test_schedulers_of_few_steps(painters: dict[str, Path], tmp_path: Path, name: SchedulerName) -> None:
    import diffusers

    def of(own: Any) -> Any:
        spaced = {} if name in ("lcm", "tcd") else {"timestep_spacing": "trailing"}
        return getattr(diffusers, FEW_STEP_SCHEDULERS[name]).from_config(own.config, **spaced)

    truth = pipeline_codes(
        painters["sd plain"],
        "StableDiffusionInpaintPipeline",
        guidance_scale=1.0,
        scheduler=of,
        # It draws the picture's code first, as we draw the first noise. A plain painter is not shown what is masked.
        masked_image_latents=torch.zeros(1, 4, HIGH, HIGH),
        generator=torch.Generator().manual_seed(SEED),
        eta=0.3 if name == "tcd" else 0.0,  # how much of the noise is drawn anew: as the method's authors do
    )
    recipe = Recipe(guidance=1.0, strength=1.0, scheduler=name)
    assert_same_inside(ours(painters["sd plain"], recipe, tmp_path), truth)
