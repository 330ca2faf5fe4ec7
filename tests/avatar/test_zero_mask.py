"""Where the mask is 0, the finished face is the base picture byte for byte: 500 random pictures, masks and expressions.

Most are laid over with a painting by chance, wilder than any model's; every twentieth is painted by a model, through
the whole way from the file to the shelf.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from avatar.attempts import Attempt
from avatar.composite import cut
from avatar.expression import spec_for
from avatar.gate import Verdict
from avatar.mask import Portrait, open_portrait
from avatar.painter import Painter
from avatar.shelf import Shelf
from avatar.wardrobe import Order
from inference.gpu import Gpu
from persona.card import Card, Persona

TRIPLES, PAINTED = 500, 25
MODES = ("L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I;16", "1")
SHAPES = ("ellipse", "dot", "row", "column", "frame", "noise", "grey", "corner")
ORIENTATION = 0x0112


def picture(random: np.random.Generator, mode: str) -> Image.Image:
    """Noise of an odd size, some of it see-through where the mode allows that."""
    width, height = (int(side) for side in random.integers(2, 90, 2))
    if mode == "I;16":
        return Image.fromarray(random.integers(0, 65536, (height, width), np.uint16))
    pixels = random.integers(0, 256, (height, width, 4), np.uint8)
    pixels[..., 3] = np.where(random.random((height, width)) < 0.3, 0, pixels[..., 3])
    image = Image.fromarray(pixels)
    if mode in ("P", "PA"):
        palette = image.convert("RGB").quantize(16)
        return palette if mode == "P" else palette.convert("PA")
    return image.convert(mode) if mode in ("RGBA", "LA") else image.convert("RGB").convert(mode)


def store(random: np.random.Generator, image: Image.Image, path: Path) -> None:
    """As TIFF what PNG cannot hold; some PNGs say in EXIF that they must be turned, some palettes are see-through."""
    if image.mode in ("CMYK", "PA"):
        image.save(path, "TIFF")
        return
    exif = Image.Exif()
    if random.random() < 0.5:
        exif[ORIENTATION] = int(random.integers(1, 9))
    clear = {"transparency": int(random.integers(0, 16))} if image.mode == "P" and random.random() < 0.5 else {}
    image.save(path, "PNG", exif=exif, **clear)


def upright(path: Path) -> Image.Image:
    """What Pillow makes of a file by itself: the picture as it is meant to be seen, "RGB" or "RGBA"."""
    with Image.open(path) as image:
        image = ImageOps.exif_transpose(image)
        if image.mode == "I;16":
            image = Image.fromarray(np.uint8(np.asarray(image).astype(np.float64) / 65535 * 255 + 0.5))
        return image.convert("RGBA" if image.has_transparency_data else "RGB")


def mask_of(random: np.random.Generator, shape: str, size: tuple[int, int]) -> Image.Image:
    """A mask with something black and something white in it."""
    width, height = size
    mask = Image.new("L", size, 0)
    draw, (x, y) = ImageDraw.Draw(mask), (int(random.integers(side)) for side in size)
    if shape == "ellipse":
        draw.ellipse((x - width / 3, y - height / 3, x + width / 3, y + height / 3), fill=255)
    elif shape in ("row", "column"):
        draw.line((0, y, width, y) if shape == "row" else (x, 0, x, height), fill=255)
    elif shape == "frame":
        draw.rectangle((0, 0, width - 1, height - 1), outline=255)
    elif shape in ("noise", "grey"):
        top = 2 if shape == "noise" else 256
        greys = random.integers(0, top, (height, width)) * (255 // (top - 1)) * (random.random((height, width)) < 0.5)
        mask = Image.fromarray(greys.astype(np.uint8))
    elif shape == "corner":
        draw.rectangle((width - 1, height - 1, width, height), fill=255)
    mask.putpixel((x, y), 255)
    mask.putpixel(((x + 1) % width, y), 0)
    return mask


def triple(random: np.random.Generator, folder: Path, number: int) -> tuple[Path, Path]:
    """A picture and a mask in files of their own."""
    base, mask = folder / f"{number}.png", folder / f"{number}-mask.png"
    store(random, picture(random, MODES[number % len(MODES)]), base)
    mask_of(random, SHAPES[number // len(MODES) % len(SHAPES)], upright(base).size).save(mask)
    return base, mask


def untouched(base: Path, mask: Path, face: Path) -> bool:
    """Whether all bytes are the base picture's where the mask is 0, and all alphas are everywhere."""
    before = upright(base)
    with Image.open(face) as painted, Image.open(mask) as allowed:
        assert (painted.mode, painted.size) == (before.mode, before.size)
        old, new, outside = np.asarray(before), np.asarray(painted), np.asarray(allowed) == 0
    assert outside.any()
    return bool((old[outside] == new[outside]).all() and (old[..., 3:] == new[..., 3:]).all())


def overlaid(random: np.random.Generator, portrait: Portrait, face: Path) -> None:
    """Lay a painting by chance over a portrait, as the painter finishes its own."""
    size = int(random.choice((16, 32, 48)))
    wild = random.normal(0.5, 1.5, (size, size, 3)).astype(np.float32)
    order = Order(None, None, portrait, "key")  # type: ignore[arg-type]  # only the portrait is looked at
    face.write_bytes(Attempt(0, wild, Verdict(True)).picture(order, cut(portrait, size)))


def test_paintings_by_chance_stay_inside_the_mask(tmp_path: Path) -> None:
    random, changed = np.random.default_rng(20261121), 0
    for number in range(TRIPLES - PAINTED):
        base, mask = triple(random, tmp_path, number)
        portrait = open_portrait(base, mask)
        overlaid(random, portrait, tmp_path / "face.png")
        assert untouched(base, mask, tmp_path / "face.png"), f"triple {number}"
        with Image.open(tmp_path / "face.png") as face:
            changed += bool((np.asarray(face) != portrait.pixels).any())
    assert changed > 0.8 * (TRIPLES - PAINTED)  # it was painted, all the same


def open_gate(*_: object) -> Verdict:
    """An untrained painter's noise passes."""
    return Verdict(True)


async def test_a_models_paintings_stay_inside_the_mask(
    gpu: Gpu, painter_path: Path, prompt_cache: Path, tmp_path: Path, card: Card
) -> None:
    random, names = np.random.default_rng(7), list(card.expressions)
    async with Painter(gpu, str(painter_path), prompt_cache, Shelf(tmp_path / "shelf"), judge=open_gate) as painter:
        for number in range(PAINTED):
            base, mask = triple(random, tmp_path, number)
            persona = Persona(f"p{number}", tmp_path, card, base, mask)
            face = await painter.paint(persona, spec_for(card, names[number % len(names)], seed=number))
            assert face.painted and untouched(base, mask, face.path), f"triple {number}"
