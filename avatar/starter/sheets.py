"""Paints every expression of the three sample characters with a network in training, beside the true drawings."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from diffusers import UNet2DConditionModel
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from avatar.starter.cast import CAST
from avatar.starter.checkpoint import CROP, PATCH, shifted
from avatar.starter.expressions import LABELS
from avatar.starter.portraits import Character, mask_pixels, mask_svg, portrait, rasterise

Pixels = npt.NDArray[np.uint8]
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
        t, after = shifted(torch.tensor([step / steps, (step - 1) / steps])).tolist()
        seen = torch.cat((sample, shown, known), 1).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            answer = unet(seen, torch.tensor(1000 * t), encoder_hidden_states=tokens).sample.float()
        sample = sample + (after - t) * (sample - answer) / t
        sample = allowed * sample + (1 - allowed) * ((1 - after) * known + after * noise)
    return pixel_shuffle(sample, PATCH).clamp(-1, 1)


def faces(character: Character) -> tuple[Tensor, Tensor, Tensor]:
    """The painter's crop of base (1, 3, S, S) and all 28 drawings (28, 3, S, S) in [-1, 1]; mask (1, 1, S, S)."""
    view = view_of(character)
    pixels = [rasterise(portrait(character, label, view), CROP) for label in ("neutral", *LABELS)]
    drawn = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1
    mask = torch.from_numpy(rasterise(mask_svg(character, view), CROP)[None, None, ..., 0] > 0).float()
    return drawn[:1], drawn[1:], mask


def _rows(unet: UNet2DConditionModel, character: Character, tokens: dict[str, Tensor]) -> Pixels:
    base, true, mask = faces(character)
    count = len(LABELS)
    given = torch.stack([tokens[label] for label in LABELS])[:, None]
    made = paint(unet, base.repeat(count, 1, 1, 1), mask.repeat(count, 1, 1, 1), given)
    half = count // 2
    parts = [made[:half], true[:half], made[half:], true[half:]]
    return np.concatenate([np.concatenate([_picture(one) for one in part], 1) for part in parts], 0)


def _picture(pixels: Tensor) -> Pixels:
    return np.asarray(((pixels + 1) * 127.5).round().byte().permute(1, 2, 0))


def paint_sheet(unet: UNet2DConditionModel, tokens: dict[str, Tensor], path: Path) -> None:
    """Four rows a character: painted, drawn, painted, drawn; 14 expressions a row in the labels' order."""
    sheet = Image.fromarray(np.concatenate([_rows(unet, character, tokens) for character in CAST.values()], 0))
    pen = ImageDraw.Draw(sheet)
    for place, label in enumerate(LABELS):
        column, row = place % (len(LABELS) // 2), place // (len(LABELS) // 2)
        pen.text((column * CROP + 4, 2 * row * CROP + 2), label, fill=(255, 0, 0))
    sheet.save(path)
