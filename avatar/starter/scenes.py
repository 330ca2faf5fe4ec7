"""Portraits of which it is known where the face is: to teach the finder (finder_train.py) and to measure a proposal.

A *figure* is one drawn character on nothing, with three exact maps: the region that expressions may change, the pixels
of brows, eyes and mouth, and the head. A *scene* is a figure as somebody might have framed it: close up or half figure,
off the middle, tilted, before a busy ground or none. Figures are the project's own characters and, where the folder of
published portraits is there, those (published.py); some are kept out of training.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from avatar.starter.expressions import LABELS
from avatar.starter.portraits import Character, figure_svg, head_svg, mask_svg, random_character
from avatar.starter.published import FRAME, Published
from avatar.starter.recipes import Peeps

SIDE = 224  # pixels of a figure
VIEW = (-104.0, -84.0, 720.0)  # what is shown of a drawn character: some of the body as well
DIFFERENT = 12  # of 255: two drawings differ here
KEPT_OUT = 0.75  # published hair after this share of the file is kept for the measure
Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Figure:
    """pixels (S, S, 4) RGBA; region, features, head (S, S) bool."""

    pixels: Bytes
    region: Bools
    features: Bools
    head: Bools


@dataclass(frozen=True, slots=True)
class Scene:
    """A framed figure: picture "RGB" or "RGBA"; region, features, head (H, W) bool."""

    picture: Image.Image
    region: Bools
    features: Bools
    head: Bools


# ── figures ──


def rgba(svg: str, side: int = SIDE) -> Bytes:
    """uint8 (side, side, 4). ImportError when resvg_py is missing."""
    import resvg_py

    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=side, height=side))
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))[:side, :side]


def drawn_figure(character: Character, expression: str = "neutral") -> Figure:
    """One of the project's own characters."""
    pixels, bare = (rgba(figure_svg(character, worn, VIEW)) for worn in (expression, None))
    head = rgba(head_svg(character, VIEW))[..., 3] > 127
    region = rgba(mask_svg(character, VIEW))[..., 0] > 127
    return Figure(pixels, region, _unlike(pixels, bare), head)


def published_figure(style: Published, random: Random, *, held_out: bool) -> Figure:
    """A published portrait. Its region is not drawn by anyone: it is the hull of the features, grown, on the skin."""
    recipe, outfit = style.recipe, style.outfit(random)
    worn = dict(outfit.parts) | {part: random.choice(kept) for part, kept in _kept(style, held_out).items()}
    bare = {part: variant for part, variant in worn.items() if part not in recipe.rest}
    expression, colours = random.choice(style.labels), outfit.colours
    worn = worn | dict(recipe.faces.get(expression, {}))
    view = (0.0, 0.0, FRAME)
    pixels, without = (rgba(style.svg(parts, colours, "none", view)) for parts in (worn, bare))
    pale, dark = (rgba(style.svg(bare, {**colours, "skin": skin}, "none", view)) for skin in ("#ffffff", "#000000"))
    features = _unlike(pixels, without)
    head = _one_piece(_unlike(pale, dark), features)
    return Figure(pixels, _around(features) & _shrunk(head), features, head)


def _kept(style: Published, held_out: bool) -> dict[str, Sequence[str]]:
    """The heads or the hair that are for training, or for the measure."""
    if isinstance(style, Peeps):
        return {"head": style.held_out_heads if held_out else style.training_heads}
    hair = style.recipe.head.get("hair")
    if hair is None:
        return {}
    split = int(len(hair) * KEPT_OUT)
    return {"hair": hair[split:] if held_out else hair[:split]}


def _unlike(one: Bytes, other: Bytes) -> Bools:
    return np.asarray(np.abs(one.astype(np.int16) - other).max(-1) > DIFFERENT)


def _one_piece(skin: Bools, features: Bools) -> Bools:
    """The skin under the features, holes filled."""
    image = _image(skin).filter(ImageFilter.MaxFilter(7))
    rows, columns = np.nonzero(features)
    for row, column in zip(rows[::40].tolist(), columns[::40].tolist(), strict=True):
        if image.getpixel((column, row)) == 255:
            ImageDraw.floodfill(image, (column, row), 128)
    whole = np.asarray(image) == 128
    outside = _image(np.pad(~whole, 1, constant_values=True))
    ImageDraw.floodfill(outside, (0, 0), 128)
    filled = np.asarray(outside)[1:-1, 1:-1] != 128
    return np.asarray(_image(filled).filter(ImageFilter.MinFilter(7))) > 127


def _image(layer: Bools) -> Image.Image:
    """Its own copy: Pillow does not write into an array's memory."""
    return Image.fromarray(np.uint8(255) * layer.astype(np.uint8)).copy()


def _shrunk(head: Bools) -> Bools:
    return np.asarray(_image(head).filter(ImageFilter.MinFilter(9))) > 127


def _around(features: Bools) -> Bools:
    """A rounded box over the features with room for brows that rise and a mouth that opens, as `mask_svg` leaves."""
    rows, columns = np.flatnonzero(features.any(1)), np.flatnonzero(features.any(0))
    if not rows.size:
        return features
    wide, tall = columns[-1] - columns[0], rows[-1] - rows[0]
    box = (columns[0] - wide * 0.18, rows[0] - tall * 0.2, columns[-1] + wide * 0.18, rows[-1] + tall * 0.2)
    image = Image.new("L", features.shape[::-1], 0)
    ImageDraw.Draw(image).rounded_rectangle(box, radius=0.3 * wide, fill=255)
    return np.asarray(image) > 127


def random_figure(random: Random, published: Sequence[Published] = (), *, held_out: bool = False) -> Figure:
    """Half of them published ones where there are any, in any expression."""
    while True:
        if published and random.random() < 0.5:
            figure = published_figure(random.choice(published), random, held_out=held_out)
        else:
            expression = random.choice((*LABELS, "neutral", "neutral"))
            figure = drawn_figure(random_character(random), expression)
        if figure.region.any() and figure.features.any():
            return figure


# ── scenes ──


def scene(figure: Figure, random: Random, size: tuple[int, int] = (256, 256), *, clear: float = 0.2) -> Scene:
    """The figure in a picture of this width and height. clear: how often the ground stays transparent."""
    ahead = _framing(figure.region, random, size)
    pixels = Image.fromarray(figure.pixels).convert("RGBa")
    framed = pixels.transform(size, Image.Transform.AFFINE, ahead, Image.Resampling.BICUBIC).convert("RGBA")
    if random.random() < clear:
        picture = framed
    else:
        ground = random_ground(random, size).convert("RGBA")
        picture = Image.alpha_composite(ground, framed).convert("RGB")
    region, features, head = (_moved(layer, ahead, size) for layer in (figure.region, figure.features, figure.head))
    return Scene(picture, region, features & region, head)


def _framing(region: Bools, random: Random, size: tuple[int, int]) -> tuple[float, ...]:
    """The affine map from a scene's pixels to the figure's: scale, tilt, flip, stretch, and where the face comes."""
    rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
    x, y = (columns[0] + columns[-1]) / 2, (rows[0] + rows[-1]) / 2
    wide = max(columns[-1] - columns[0], rows[-1] - rows[0]) + 1
    share = float(np.exp(random.uniform(np.log(0.2), np.log(0.8))))  # of the shorter side: half figure to close up
    step = wide / (share * min(size))  # figure pixels in one of the scene's
    angle = np.radians(random.choice((0.0, random.gauss(0, 7))))
    across, down = step * random.uniform(0.92, 1.08), step * random.uniform(0.92, 1.08)
    flip = random.choice((-1.0, 1.0))
    room = (1 - share) * min(size) / 2
    to_x = size[0] / 2 + random.uniform(-0.8, 0.8) * max(room, (size[0] - share * min(size)) / 2) * 0.8
    to_y = size[1] / 2 + random.uniform(-0.8, 0.5) * max(room, (size[1] - share * min(size)) / 2) * 0.8
    a, b = flip * across * np.cos(angle), -flip * across * np.sin(angle)
    d, e = down * np.sin(angle), down * np.cos(angle)
    return (a, b, x - a * to_x - b * to_y, d, e, y - d * to_x - e * to_y)


def _moved(layer: Bools, ahead: tuple[float, ...], size: tuple[int, int]) -> Bools:
    return np.asarray(_image(layer).transform(size, Image.Transform.AFFINE, ahead, Image.Resampling.BILINEAR)) > 127


def random_ground(random: Random, size: tuple[int, int]) -> Image.Image:
    """Something to stand before, "RGB": one colour, a run of colours, or a crowd of shapes such as faces have."""
    image = Image.new("RGB", size, _colour(random))
    kind = random.choice(("flat", "run", "disc", "busy", "busy", "lines", "spots", "clouds"))
    draw = ImageDraw.Draw(image)
    if kind == "run":
        far = Image.linear_gradient("L").resize(size).rotate(random.choice((0, 90, 180, 270)))
        image.paste(Image.new("RGB", size, _colour(random)), mask=far)
    elif kind == "disc":
        _blob(draw, random, size, random.uniform(0.5, 0.9))
    elif kind == "busy":
        for _ in range(random.randint(8, 50)):
            _blob(draw, random, size, random.uniform(0.03, 0.4))
    elif kind == "lines":
        _lines(draw, random, size)
    elif kind == "spots":
        _spots(draw, random, size)
    elif kind == "clouds":
        small = np.random.default_rng(random.getrandbits(32)).integers(0, 256, (*[random.randint(3, 40)] * 2, 3))
        image = Image.fromarray(small.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    return image.filter(ImageFilter.GaussianBlur(random.choice((0, 0, 1, 3))))


def _colour(random: Random) -> tuple[int, int, int]:
    return random.randrange(256), random.randrange(256), random.randrange(256)


def _blob(draw: ImageDraw.ImageDraw, random: Random, size: tuple[int, int], share: float) -> None:
    wide, tall = share * size[0] * random.uniform(0.3, 1), share * size[1] * random.uniform(0.3, 1)
    x, y = random.uniform(0, size[0]), random.uniform(0, size[1])
    box = (x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2)
    line = random.choice((None, "black", _colour(random)))
    {
        "ellipse": lambda: draw.ellipse(box, fill=_colour(random), outline=line, width=2),
        "box": lambda: draw.rectangle(box, fill=_colour(random), outline=line, width=2),
        "arc": lambda: draw.arc(box, random.randrange(360), random.randrange(360), fill=_colour(random), width=3),
        "ring": lambda: draw.ellipse(box, outline=_colour(random), width=random.randint(1, 6)),
    }[random.choice(("ellipse", "box", "arc", "ring"))]()


def _lines(draw: ImageDraw.ImageDraw, random: Random, size: tuple[int, int]) -> None:
    step, width, lean = random.randint(6, 40), random.randint(1, 12), random.choice((0, 0, size[1], -size[1]))
    colour = _colour(random)
    for x in range(-abs(lean), size[0] + abs(lean), step):
        ends = (x, 0, x + lean, size[1]) if random.random() < 0.97 else (0, x, size[0], x)
        draw.line(ends, fill=colour, width=width)


def _spots(draw: ImageDraw.ImageDraw, random: Random, size: tuple[int, int]) -> None:
    step, radius, colour = random.randint(10, 50), random.uniform(2, 12), _colour(random)
    for x in range(0, size[0], step):
        for y in range(0, size[1], step):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
