"""Paints every expression of the three sample characters with a network in training, beside the true drawings."""

from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from avatar.starter.cast import CAST
from avatar.starter.checkpoint import CROP, PATCH
from avatar.starter.expressions import LABELS
from avatar.starter.portraits import Character, mask_pixels, mask_svg, portrait, rasterise

CONTEXT = 1.25  # the crop's side over the mask's longer side, as the painter cuts


def view_of(character: Character) -> tuple[float, float, float]:
    """The square the painter would cut: left, top, side."""
    mask = mask_pixels(character) > 0
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    side = round(max(np.ptp(rows), np.ptp(columns)) * CONTEXT)
    return (columns[0] + columns[-1] - side) / 2, (rows[0] + rows[-1] - side) / 2, side


@torch.no_grad()
def paint(
    unet: UNet2DConditionModel, base: Tensor, mask: Tensor, tokens: Tensor, steps: int = 4, seed: int = 0
) -> Tensor:
    """base (N, 3, S, S) in [-1, 1], mask (N, 1, S, S), tokens (N, 1, 384) -> painted (N, 3, S, S), by Euler steps."""
    known, shown = pixel_unshuffle(base, PATCH), pixel_unshuffle(mask, PATCH)
    noise = torch.randn(known.shape, generator=torch.Generator().manual_seed(seed))
    allowed, sample = shown.repeat(1, 3, 1, 1), noise
    for step in range(steps, 0, -1):
        t, after = step / steps, (step - 1) / steps
        seen = torch.cat((sample, shown, known), 1).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            answer = known + unet(seen, torch.tensor(1000 * t), encoder_hidden_states=tokens).sample.float()
        sample = sample + (after - t) * (sample - answer) / t
        sample = allowed * sample + (1 - allowed) * ((1 - after) * known + after * noise)
    return pixel_shuffle(sample, PATCH).clamp(-1, 1)


def _rows(unet: UNet2DConditionModel, character: Character, tokens: dict[str, Tensor]) -> np.ndarray:
    view = view_of(character)
    pixels = [rasterise(portrait(character, label, view), CROP) for label in ("neutral", *LABELS)]
    true = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1
    mask = torch.from_numpy(rasterise(mask_svg(character, view), CROP)[None, None, ..., 0] > 0).float()
    count = len(LABELS)
    given = torch.stack([tokens[label] for label in LABELS])[:, None]
    made = paint(unet, true[:1].repeat(count, 1, 1, 1), mask.repeat(count, 1, 1, 1), given)
    half = count // 2
    parts = [made[:half], true[1 : half + 1], made[half:], true[half + 1 :]]
    return np.concatenate([np.concatenate([_picture(one) for one in part], 1) for part in parts], 0)


def _picture(pixels: Tensor) -> np.ndarray:
    return np.asarray(((pixels + 1) * 127.5).round().byte().permute(1, 2, 0))


def paint_sheet(unet: UNet2DConditionModel, tokens: dict[str, Tensor], path: Path) -> None:
    """Four rows a character: painted, drawn, painted, drawn; 14 expressions a row in the labels' order."""
    sheet = Image.fromarray(np.concatenate([_rows(unet, character, tokens) for character in CAST.values()], 0))
    pen = ImageDraw.Draw(sheet)
    for place, label in enumerate(LABELS):
        column, row = place % (len(LABELS) // 2), place // (len(LABELS) // 2)
        pen.text((column * CROP + 4, 2 * row * CROP + 2), label, fill=(255, 0, 0))
    sheet.save(path)
