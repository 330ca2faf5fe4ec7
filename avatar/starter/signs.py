"""The signs a cartoon puts on a face: tears, sweat, hearts, a vein, a question mark."""

import math
from collections.abc import Sequence
from typing import Protocol

from avatar.starter.palette import Palette, mix

WATER, WATER_LINE = "#7fd4ff", "#2b7fc4"


class Wearer(Protocol):
    """What a sign has to know of the face that wears it."""

    @property
    def eye_x(self) -> float: ...
    @property
    def eye_rx(self) -> float: ...
    @property
    def eye_ry(self) -> float: ...
    @property
    def reach(self) -> float: ...
    @property
    def mouth_y(self) -> float: ...
    @property
    def mouth_width(self) -> float: ...
    @property
    def line(self) -> float: ...
    @property
    def palette(self) -> Palette: ...


def heart(x: float, y: float, size: float, colour: str, width: float, line: str) -> str:
    """A heart `size` wide to each side, centred."""
    path = (
        f"M0,{size * 0.9:.1f} C{-size * 1.5:.1f},{-size * 0.1:.1f} {-size * 0.8:.1f},{-size * 1.25:.1f} "
        f"0,{-size * 0.42:.1f} "
    )
    path += f"C{size * 0.8:.1f},{-size * 1.25:.1f} {size * 1.5:.1f},{-size * 0.1:.1f} 0,{size * 0.9:.1f} Z"
    shine = (
        f'<ellipse cx="{-size * 0.42:.1f}" cy="{-size * 0.42:.1f}" rx="{size * 0.2:.1f}" '
        f'ry="{size * 0.16:.1f}" fill="#ffd0dc"/>'
    )
    return (
        f'<g transform="translate({x:.1f} {y:.1f})"><path d="{path}" fill="{colour}" stroke="{line}" '
        f'stroke-width="{width:.1f}"/>{shine}</g>'
    )


def star(x: float, y: float, size: float, colour: str, width: float, line: str) -> str:
    """A five-pointed star with rounded joints."""
    radii = [size if i % 2 == 0 else size * 0.52 for i in range(10)]
    corners = [(r * math.sin(i * math.pi / 5), -r * math.cos(i * math.pi / 5)) for i, r in enumerate(radii)]
    shape = " ".join(f"{a:.1f},{b:.1f}" for a, b in corners)
    return (
        f'<g transform="translate({x:.1f} {y:.1f})"><polygon points="{shape}" fill="{colour}" stroke="{line}" '
        f'stroke-width="{width:.1f}" stroke-linejoin="round"/><circle r="{size * 0.2:.1f}" '
        f'cy="{size * 0.06:.1f}" fill="#fff6c8"/></g>'
    )


def drop(x: float, y: float, size: float) -> str:
    """A drop of water hanging from (x, y)."""
    path = f"M0,0 C{size * 0.25:.1f},{size * 0.7:.1f} {size * 0.72:.1f},{size:.1f} {size * 0.72:.1f},{size * 1.45:.1f} "
    path += (
        f"A{size * 0.72:.1f},{size * 0.72:.1f} 0 1 1 {-size * 0.72:.1f},{size * 1.45:.1f} "
        f"C{-size * 0.72:.1f},{size:.1f} {-size * 0.25:.1f},{size * 0.7:.1f} 0,0 Z"
    )
    shine = f'<circle cx="{-size * 0.22:.1f}" cy="{size * 1.4:.1f}" r="{size * 0.2:.1f}" fill="#ffffff"/>'
    return (
        f'<g transform="translate({x:.1f} {y:.1f})"><path d="{path}" fill="{WATER}" '
        f'stroke="{WATER_LINE}" stroke-width="3"/>{shine}</g>'
    )


def signs(wearer: Wearer, names: Sequence[str]) -> str:
    return "".join(_SIGNS[name](wearer) for name in names)


def _tear(w: Wearer) -> str:
    return drop(-w.eye_x - w.eye_rx * 0.35, w.eye_ry * 0.72, 18)


def _brim(w: Wearer) -> str:
    return drop(-w.eye_x - w.eye_rx * 0.5, w.eye_ry * 0.62, 10) + drop(w.eye_x + w.eye_rx * 0.5, w.eye_ry * 0.62, 10)


def _stream(w: Wearer) -> str:
    parts = []
    for side in (-1, 1):
        x, y, low = side * w.eye_x * 1.02, w.eye_ry * 0.3, w.mouth_y + 26
        path = (
            f"M{x - 11:.1f},{y:.1f} L{x - 13:.1f},{low:.1f} Q{x:.1f},{low + 18:.1f} "
            f"{x + 13:.1f},{low:.1f} L{x + 11:.1f},{y:.1f} Z"
        )
        parts.append(f'<path d="{path}" fill="{WATER}" stroke="{WATER_LINE}" stroke-width="3"/>')
        parts.append(f'<path d="M{x:.1f},{y + 8:.1f} L{x:.1f},{low - 4:.1f}" stroke="#e4f7ff" stroke-width="5"/>')
    return "".join(parts)


def _laugh_tears(w: Wearer) -> str:
    x, y = w.eye_x + w.eye_rx * 1.0, w.eye_ry * 0.3
    return "".join(
        f'<g transform="translate({s * x:.1f} {y:.1f}) rotate({-s * 38})">{drop(0, 0, 10)}</g>' for s in (-1, 1)
    )


def _sweat(w: Wearer) -> str:
    return drop(w.eye_x + w.eye_rx * 0.85, -w.reach * 1.95, 19)


def _drops(w: Wearer) -> str:
    return drop(w.eye_x + w.eye_rx * 0.95, -w.reach * 1.85, 17) + drop(-w.eye_x - w.eye_rx * 0.95, -w.reach * 1.6, 14)


def _vein(w: Wearer) -> str:
    colour = "#ff3030" if not w.palette.dark else "#ff5a4a"
    x, y = w.eye_x + w.eye_rx * 0.55, -w.reach * 1.8
    curves = "".join(
        f'<path transform="rotate({a})" d="M6,-23 Q6,-6 23,-6" stroke="{colour}" stroke-width="7.5" '
        'fill="none" stroke-linecap="round"/>'
        for a in (0, 90, 180, 270)
    )
    return f'<g transform="translate({x:.1f} {y:.1f}) rotate(12)">{curves}</g>'


def _gloom(w: Wearer) -> str:
    """A cold shadow over the brow with falling lines."""
    colour = mix(w.palette.coat, "#3a3f9e", 0.6)
    lines = "".join(
        f'<path d="M{x:.1f},{-w.reach * 2.4:.1f} L{x:.1f},{-w.reach * (1.5 if i % 2 else 1.2):.1f}" '
        f'stroke="{colour}" stroke-width="6" stroke-linecap="round"/>'
        for i, x in enumerate((-84, -56, -28, 0, 28, 56, 84))
    )
    return f'<g opacity="0.85">{lines}</g>'


def _hearts(w: Wearer) -> str:
    x, y = w.eye_x + w.eye_rx * 1.05, w.reach * 1.7
    return heart(x, -y, 17, "#ff3b6b", 2.5, "#a3153f") + heart(-x, -y * 0.96, 13, "#ff3b6b", 2.5, "#a3153f")


def _mark(w: Wearer, sign: str) -> str:
    x, y = w.eye_x + w.eye_rx * 0.9, -w.reach * 1.72
    outline = 'stroke="#1b1420" stroke-width="{}" fill="none" stroke-linecap="round" stroke-linejoin="round"'
    body = "M-9,-12 C-9,-28 13,-28 12,-12 C11,-3 0,-3 0,8" if sign == "?" else "M0,-24 L0,6"
    dot = "M0,19 L0,20"
    strokes = (
        f'<path d="{body} {dot}" {outline.format(15)}/><path d="{body} {dot}" '
        f"{outline.format(8).replace('#1b1420', '#ffd23e')}/>"
    )
    return f'<g transform="translate({x:.1f} {y:.1f}) rotate(10)">{strokes}</g>'


def _puff(w: Wearer) -> str:
    """A small cloud of breath beside the mouth."""
    x, y = w.mouth_width * 0.95 + 14, w.mouth_y + 12
    rounds = "".join(
        f'<circle cx="{a}" cy="{b}" r="{r}" fill="#f4fbff" stroke="#8fa6b8" stroke-width="3"/>'
        for a, b, r in ((0, 0, 8), (15, 3, 12))
    )
    return f'<g transform="translate({x:.1f} {y:.1f})">{rounds}</g>'


_SIGNS = {
    "tear": _tear,
    "stream": _stream,
    "brim": _brim,
    "laugh_tears": _laugh_tears,
    "sweat": _sweat,
    "drops": _drops,
    "vein": _vein,
    "gloom": _gloom,
    "hearts": _hearts,
    "question": lambda w: _mark(w, "?"),
    "bang": lambda w: _mark(w, "!"),
    "puff": _puff,
}
