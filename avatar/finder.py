"""The finder: a tiny network that says for each pixel of a drawn portrait how surely an expression may change it.

Some 350,000 weights (finder.safetensors, float16), learned from drawings by avatar/starter/finder_train.py; looked
through with numpy alone, in some tenths of a second. It sees the picture 64 pixels wide and high and answers 32.

    look at the whole picture → where is the face? → look again, closer, at the square around it

It knows nothing of masks and files; avatar/proposal.py makes a mask of its answer.
"""

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file

Floats = NDArray[np.float32]

WEIGHTS = Path(__file__).parent / "starter" / "finder.safetensors"
SIDE, ANSWER = 64, 32  # pixels it sees, and answers
STRIDES = {"a1": 2, "a2": 1, "b1": 2, "b2": 1, "c1": 2, "c2": 1, "d1": 2, "d2": 1}
BLANK = 128  # the grey that lies behind transparent pictures and beyond the borders
CLOSER = 1.9  # the second look's square is this much wider than what the first one found
SURE = 0.5


def find(picture: Image.Image) -> Floats:
    """Chances in 0..1 for each pixel of the picture "RGB" or "RGBA", (H, W)."""
    seen = on_grey(picture)
    side = max(seen.size)
    whole = (seen.width - side) // 2, (seen.height - side) // 2, side
    first = _look(seen, whole)
    found = _square(first, whole)
    chances = first if found is None else _look(seen, found)
    return _in_place(chances, whole if found is None else found, seen.size)


def on_grey(picture: Image.Image) -> Image.Image:
    """As "RGB", transparency laid on grey."""
    if picture.mode == "RGB":
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, (BLANK, BLANK, BLANK, 255)), picture).convert("RGB")


def chances_of(pixels: Floats) -> Floats:
    """The network: pixels (3, 64, 64) in -1..1 → chances (32, 32)."""
    weights, kept = _weights(), {}
    x = pixels
    for name, stride in STRIDES.items():
        x = np.maximum(_conv(x, weights[f"{name}.weight"], weights[f"{name}.bias"], stride), 0)
        kept[name[0]] = x
    x = x + np.maximum(weights["g.weight"] @ x.mean((1, 2)) + weights["g.bias"], 0)[:, None, None]
    for level in "cba":
        x = np.concatenate((x.repeat(2, 1).repeat(2, 2), kept[level]))
        x = np.maximum(_conv(x, weights[f"{level}3.weight"], weights[f"{level}3.bias"], 1), 0)
    logits = _conv(x, weights["out.weight"], weights["out.bias"], 1)[0]
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


@cache
def _weights() -> dict[str, Floats]:
    return {name: values.astype(np.float32) for name, values in load_file(WEIGHTS).items()}


def _conv(x: Floats, weight: Floats, bias: Floats, stride: int) -> Floats:
    """3 x 3 over (C, H, W), zeros beyond the border."""
    wide = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(wide, (3, 3), axis=(1, 2))[:, ::stride, ::stride]
    columns = windows.transpose(0, 3, 4, 1, 2)  # (C, 3, 3, H, W)
    size = columns.shape[3:]
    summed = weight.reshape(len(weight), -1) @ columns.reshape(-1, size[0] * size[1])
    return np.asarray(summed.reshape(-1, *size) + bias[:, None, None], np.float32)


def _look(picture: Image.Image, square: tuple[int, int, int]) -> Floats:
    """What the network says of a square (left, top, side) that may reach beyond the picture."""
    left, top, side = square
    ground = Image.new("RGB", (side, side), (BLANK, BLANK, BLANK))
    ground.paste(picture, (-left, -top))
    small = ground.resize((SIDE, SIDE), Image.Resampling.BOX if side > SIDE else Image.Resampling.BILINEAR)
    return chances_of(np.ascontiguousarray(np.asarray(small, np.float32).transpose(2, 0, 1) / 127.5 - 1))


def _square(chances: Floats, seen: tuple[int, int, int]) -> tuple[int, int, int] | None:
    """The square for the second look; None where the first one found nothing sure."""
    sure = chances * (chances > SURE)
    total = float(sure.sum())
    if total < 4:  # a face of two by two of its pixels is no face
        return None
    places = (np.arange(ANSWER) + 0.5) / ANSWER
    x, y = float((sure.sum(0) * places).sum() / total), float((sure.sum(1) * places).sum() / total)
    spread = np.sqrt(max(((sure.sum(0) * (places - x) ** 2).sum(), (sure.sum(1) * (places - y) ** 2).sum())) / total)
    # A disc's standard deviation along one axis is a quarter of its width, a box's 1 / sqrt(12).
    side = max(8, round(float(spread) * 3.7 * CLOSER * seen[2]))
    return round(seen[0] + x * seen[2] - side / 2), round(seen[1] + y * seen[2] - side / 2), side


def _in_place(chances: Floats, square: tuple[int, int, int], size: tuple[int, int]) -> Floats:
    """The answer for a square, laid where it belongs in a picture of this (width, height); zeros elsewhere."""
    left, top, side = square
    large = Image.fromarray(chances).resize((side, side), Image.Resampling.BICUBIC)
    ground = Image.new("F", size, 0.0)
    ground.paste(large, (left, top))
    return np.clip(np.asarray(ground, np.float32), 0, 1)
