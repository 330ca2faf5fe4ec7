"""Draws a `Face` (a pose) as SVG in one character's style: eyes, brows, mouth, signs.

Coordinates are the face's own: x to the right, y down, the point between the eyes at (0, 0), one unit = one pixel of the
512-pixel portrait before the character's own scale. Left means left in the picture. Whatever is drawn here depends only on the
style and the pose, never on chance: a painter can know it from the base picture.
"""

import math
from dataclasses import dataclass
from typing import Literal

from avatar.starter.expressions import Brow, Eye, Face, Mouth
from avatar.starter.palette import Palette, mix, shade
from avatar.starter.signs import heart, signs, star

BENEATH = ("gloom",)
EyeStyle = Literal["anime", "toon", "bean", "led"]


@dataclass(frozen=True, slots=True)
class Style:
    """How one character's features look. Lengths in face units."""

    eyes: EyeStyle
    eye_x: float
    eye_rx: float
    eye_ry: float
    brow_length: float
    brow_weight: float
    brow_gap: float
    mouth_y: float
    mouth_width: float
    mouth_shift: float
    line: float
    lashes: int
    palette: Palette

    @property
    def ink(self) -> str:
        return shade(self.palette.iris, -0.35) if self.eyes == "led" else self.palette.face_line


def points(pairs: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)


def under_hair(style: Style, face: Face) -> str:
    """What an expression changes beneath hair, hat and glasses."""
    return "".join(
        (
            blush(style, face.blush),
            signs(style, [sign for sign in face.signs if sign in BENEATH]),
            _eye(style, face.left, -1),
            _eye(style, face.right, 1),
            f'<g transform="translate({style.mouth_shift:.1f} {style.mouth_y:.1f})">{mouth(style, face.mouth)}</g>',
        )
    )


def over_hair(style: Style, face: Face) -> str:
    """What shows through the hair, as cartoons have it: brows and signs."""
    brows = _brow(style, face.brow_left, -1) + _brow(style, face.brow_right, 1)
    return brows + signs(style, [sign for sign in face.signs if sign not in BENEATH])


def stroke(colour: str, width: float) -> str:
    return f'fill="none" stroke="{colour}" stroke-width="{width:.1f}" stroke-linecap="round" stroke-linejoin="round"'


def blush(style: Style, amount: float) -> str:
    if amount <= 0:
        return ""
    x, y = style.eye_x * 1.32, style.eye_ry * 1.28
    parts = []
    for side in (-1, 1):
        rx, ry = 22 + 7 * amount, 13 + 4 * amount
        parts.append(
            f'<ellipse cx="{side * x:.1f}" cy="{y:.1f}" rx="{rx:.1f}" ry="{ry:.1f}" fill="{style.palette.blush}" '
            f'opacity="{min(0.9, 0.45 + 0.3 * amount):.2f}"/>'
        )
        if amount > 1.4:
            for step in (-12, 0, 12):
                cx = side * x + step
                parts.append(
                    f'<path d="M{cx + 4:.1f},{y - 8:.1f} L{cx - 4:.1f},{y + 8:.1f}" {stroke(style.ink, style.line * 0.55)}/>'
                )
    return "".join(parts)


# --- eyes -------------------------------------------------------------------------------------------------------------


def _eye(style: Style, eye: Eye, side: int) -> str:
    """Drawn as the right eye (inner end at negative x) and mirrored for the left one; the gaze is not mirrored."""
    flip = f"translate({side * style.eye_x:.1f} 0) scale({side} 1)"
    rx, ry = style.eye_rx, style.eye_ry
    if eye.form == "heart":
        body = heart(0, 0, max(rx, ry * 0.8) * 1.05, "#ff3b6b", style.line * 0.8, style.palette.line)
    elif eye.form == "star":
        body = star(0, 0, max(rx, ry * 0.82) * 1.15, "#ffd23e", style.line * 0.8, style.palette.line)
    elif eye.form == "open":
        body = _open_eye(style, eye, side)
    else:
        body = _closed_eye(style, eye)
    return f'<g transform="{flip}">{body}</g>'


def _closed_eye(style: Style, eye: Eye) -> str:
    rx, ry, pen = style.eye_rx * 1.02, style.eye_ry, stroke(style.ink, style.line * 1.35)
    if eye.form == "arc":
        return f'<path d="M{-rx:.1f},{ry * 0.3:.1f} Q0,{-ry * 0.95:.1f} {rx:.1f},{ry * 0.3:.1f}" {pen}/>'
    if eye.form == "shut":
        lash = f"M{rx * 0.75:.1f},{ry * 0.3:.1f} L{rx * 1.15:.1f},{ry * 0.42:.1f}" if style.lashes else ""
        return f'<path d="M{-rx:.1f},0 Q0,{ry * 0.95:.1f} {rx:.1f},0 {lash}" {pen}/>'
    return f'<path d="M{rx * 0.9:.1f},{-ry * 0.55:.1f} L{-rx * 0.7:.1f},{ry * 0.05:.1f} L{rx * 0.9:.1f},{ry * 0.6:.1f}" {pen}/>'


def _aperture(style: Style, eye: Eye) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Upper and lower edge of the open eye, left to right: the ellipse cut by the two lids."""
    rx, ry = style.eye_rx * (1 + (eye.height - 1) * 0.4), style.eye_ry * eye.height
    power = 3.2 if style.eyes == "led" else 2.15
    upper, lower = [], []
    for step in range(25):
        x = math.cos(math.pi * (1 - step / 24)) * rx
        half = ry * (1 - abs(x / rx) ** power) ** (1 / power)
        top = -ry + 2 * ry * eye.lid - eye.slant * ry * 0.75 * (x / rx)
        bottom = ry - 2 * ry * eye.lower * (1 - 0.4 * (x / rx) ** 2)
        high = min(max(-half, top), half)
        upper.append((x, high))
        lower.append((x, max(min(half, bottom), high)))
    return upper, lower


def _open_eye(style: Style, eye: Eye, side: int) -> str:
    upper, lower = _aperture(style, eye)
    name = f"eye{'r' if side > 0 else 'l'}"
    shape = points(upper + lower[::-1])
    lid = ""
    if eye.lid > 0.15 and style.eyes in ("anime", "toon"):
        rx, ry = style.eye_rx, style.eye_ry * eye.height
        lid = f'<ellipse rx="{rx:.1f}" ry="{ry:.1f}" fill="{style.palette.lid}" {_outline(style)}/>'
    return (
        f'{lid}<clipPath id="{name}"><polygon points="{shape}"/></clipPath><polygon points="{shape}" fill="{_white(style)}"/>'
        f'<g clip-path="url(#{name})">{_iris(style, eye, side)}</g>{_lids(style, eye, upper, lower)}'
    )


def _outline(style: Style) -> str:
    return f'stroke="{style.palette.line}" stroke-width="{style.line * 0.55:.1f}"'


def _white(style: Style) -> str:
    if style.eyes == "led":
        return style.palette.iris
    if style.eyes == "bean":
        return style.palette.face_line
    return "#fffdf8"


def _iris(style: Style, eye: Eye, side: int) -> str:
    rx, ry = style.eye_rx, style.eye_ry
    gx, gy = eye.gaze[0] * rx * 0.55 * side, eye.gaze[1] * ry * 0.45
    size = {"anime": 0.84, "toon": 0.5, "bean": 0.0, "led": 0.0}[style.eyes]
    shine = side * rx
    if size == 0.0:
        return _shine_only(style, eye, gx, gy, shine)
    scale = 0.35 + 0.65 * eye.pupil
    ix, iy = rx * size * min(1.12, scale), (ry if style.eyes == "anime" else min(rx, ry)) * size * min(1.15, scale)
    iris, dark = style.palette.iris, shade(style.palette.iris, 0.62)
    if style.eyes == "toon":
        iris, dark = style.palette.line, style.palette.line
    pupil = min(1.0, 0.5 * eye.pupil + 0.08)
    parts = [
        f'<ellipse cx="{gx:.1f}" cy="{gy:.1f}" rx="{ix:.1f}" ry="{iy:.1f}" fill="{dark}"/>',
        f'<ellipse cx="{gx:.1f}" cy="{gy + iy * 0.16:.1f}" rx="{ix * 0.88:.1f}" ry="{iy * 0.8:.1f}" fill="{iris}"/>',
        f'<ellipse cx="{gx:.1f}" cy="{gy + iy * 0.5:.1f}" rx="{ix * 0.6:.1f}" ry="{iy * 0.36:.1f}" fill="{mix(iris, "#ffffff", 0.4)}"/>',
        f'<ellipse cx="{gx:.1f}" cy="{gy:.1f}" rx="{ix * pupil:.1f}" ry="{iy * pupil:.1f}" fill="{shade(dark, 0.5)}"/>',
    ]
    if style.eyes == "toon":
        parts = parts[:1]
    shines = [(-0.34, -0.42, 0.32), (0.38, 0.34, 0.16)]
    if eye.glossy:
        shines = [(-0.3, -0.4, 0.42), (0.4, 0.36, 0.26), (-0.4, 0.5, 0.16)]
    for x, y, size in shines:
        radius = max(2.2, size * ix)
        parts.append(f'<circle cx="{gx + x * ix * side:.1f}" cy="{gy + y * iy:.1f}" r="{radius:.1f}" fill="#ffffff"/>')
    return "".join(parts)


def _shine_only(style: Style, eye: Eye, gx: float, gy: float, shine: float) -> str:
    """Solid eyes look by moving their light, and shrink to dots by a rim of the coat's colour."""
    rx, ry = style.eye_rx, style.eye_ry
    light = "#ffffff" if style.eyes == "led" or not style.palette.dark else style.palette.line
    parts = []
    if eye.pupil < 0.75:
        ring = style.palette.line if style.eyes == "led" or style.palette.dark else "#fffdf8"
        dot = style.palette.iris if style.eyes == "led" else style.palette.face_line
        radius = min(rx, ry) * (0.25 + 0.5 * eye.pupil)
        parts.append(f'<ellipse rx="{rx * 1.05:.1f}" ry="{ry * 1.4:.1f}" fill="{ring}"/>')
        parts.append(f'<circle cx="{gx:.1f}" cy="{gy:.1f}" r="{radius:.1f}" fill="{dot}"/>')
        return "".join(parts)
    big = 0.42 if eye.glossy else 0.3
    parts.append(f'<circle cx="{gx - shine * 0.3:.1f}" cy="{gy - ry * 0.36:.1f}" r="{rx * big:.1f}" fill="{light}"/>')
    parts.append(
        f'<circle cx="{gx + shine * 0.3:.1f}" cy="{gy + ry * 0.36:.1f}" r="{rx * big * 0.5:.1f}" fill="{light}"/>'
    )
    return "".join(parts)


def _lids(style: Style, eye: Eye, upper: list[tuple[float, float]], lower: list[tuple[float, float]]) -> str:
    shape = points(upper + lower[::-1])
    if style.eyes in ("bean", "led"):
        edge = style.ink if eye.pupil < 0.75 else "none"
        return f'<polygon points="{shape}" {stroke(edge, style.line * 0.8)}/>'
    ink = style.palette.line
    thin = style.line * (0.9 if style.eyes == "toon" else 0.4)
    heavy = style.line * (1.0 if style.eyes == "toon" else 1.55)
    parts = [
        f'<polygon points="{shape}" {stroke(ink, thin)}/>',
        f'<polyline points="{points(upper[2:-1])}" {stroke(ink, heavy)}/>',
    ]
    x, y = upper[-4]
    reach = style.eye_rx * 0.34
    for lash in range(style.lashes):
        tip = (x + reach * (1.0 - 0.35 * lash), y - reach * (0.45 + 0.5 * lash))
        parts.append(
            f'<path d="M{x - lash * 7:.1f},{y - lash * 5:.1f} L{tip[0]:.1f},{tip[1]:.1f}" {stroke(ink, heavy * 0.8)}/>'
        )
    return "".join(parts)


def _brow(style: Style, brow: Brow, side: int) -> str:
    half, ry = style.brow_length / 2, style.eye_ry
    y = -ry - style.brow_gap - brow.rise * ry * 0.62
    tilt = brow.slant * half * 0.62
    path = f"M{-half:.1f},{tilt:.1f} Q0,{-brow.arch * half * 0.55:.1f} {half:.1f},{-tilt:.1f}"
    place = f"translate({side * style.eye_x:.1f} {y:.1f}) scale({side} 1)"
    return f'<path transform="{place}" d="{path}" {stroke(style.ink, style.brow_weight)}/>'


# --- mouth ------------------------------------------------------------------------------------------------------------

INSIDE, TONGUE, TEETH = "#6b1230", "#ff7f93", "#fffdf8"


def mouth(style: Style, pose: Mouth) -> str:
    """One mouth around (0, 0), drawn with the character's ink; its inside, tongue and teeth have the same colours on everyone."""
    w, pen = style.mouth_width * pose.width, stroke(style.ink, style.line)
    fill = f'stroke="{style.ink}" stroke-width="{style.line:.1f}" stroke-linejoin="round"'
    unit = style.mouth_width
    match pose.form:
        case "line":
            dip = pose.bend * unit * 0.55 * pose.depth
            return f'<path d="M{-w:.1f},{-dip / 2:.1f} Q0,{dip:.1f} {w:.1f},{-dip / 2:.1f}" {pen}/>'
        case "smirk":
            dip = pose.bend * unit * 0.5
            return f'<path d="M{-w:.1f},{dip * 0.25:.1f} Q{w * 0.5:.1f},{dip * 0.9:.1f} {w:.1f},{-dip:.1f}" {pen}/>'
        case "wavy":
            q = w / 2
            return f'<path d="M{-w:.1f},3 q{q / 2:.1f},-16 {q:.1f},0 t{q:.1f},0 t{q:.1f},0 t{q:.1f},0" {pen}/>'
        case "cat":
            return f'<path d="M{-w:.1f},-6 Q{-w / 2:.1f},18 0,-4 Q{w / 2:.1f},18 {w:.1f},-6" {pen}/>'
        case "o":
            ry = unit * pose.depth * 0.95
            return f'<ellipse cy="4" rx="{w * 0.72:.1f}" ry="{ry:.1f}" fill="{INSIDE}" {fill}/>'
        case "open":
            return _open_mouth(w, unit * pose.depth * 1.25, fill)
        case "wail":
            return _wail(w, unit * pose.depth * 0.85, fill)
        case "grit":
            return _grit(w, unit * pose.depth * 0.52, pose.bend, fill, style)
        case "lick":
            tongue = f'<path d="M{w * 0.3:.1f},6 Q{w * 0.42:.1f},{unit * 0.72:.1f} {w * 0.72:.1f},{unit * 0.3:.1f} L{w * 0.78:.1f},-2 Z" fill="{TONGUE}" {fill}/>'
            return f'{tongue}<path d="M{-w:.1f},-8 Q0,{unit * 0.6:.1f} {w:.1f},-12" {pen}/>'
        case "bleh":
            tongue = f'<path d="M-13,-4 L-13,{unit * 0.55:.1f} Q2,{unit * 0.95:.1f} 17,{unit * 0.55:.1f} L17,-4 Z" fill="{TONGUE}" {fill}/>'
            line = f'<path d="M{-w:.1f},12 Q{-w * 0.4:.1f},-20 0,-4 Q{w * 0.5:.1f},6 {w:.1f},12" {pen}/>'
            return f'{tongue}{line}<path d="M2,4 L2,{unit * 0.4:.1f}" {stroke("#c9455f", style.line * 0.5)}/>'


def _open_mouth(w: float, depth: float, fill: str) -> str:
    path = (
        f"M{-w:.1f},-14 Q0,-2 {w:.1f},-14 C{w * 0.95:.1f},{depth * 0.75:.1f} {w * 0.45:.1f},{depth:.1f} 0,{depth:.1f} "
    )
    path += f"C{-w * 0.45:.1f},{depth:.1f} {-w * 0.95:.1f},{depth * 0.75:.1f} {-w:.1f},-14 Z"
    teeth = f'<path d="M{-w:.1f},-16 Q0,-4 {w:.1f},-16 L{w:.1f},-4 Q0,9 {-w:.1f},-4 Z" fill="{TEETH}"/>'
    tongue = f'<ellipse cy="{depth * 1.02:.1f}" rx="{w * 0.62:.1f}" ry="{depth * 0.52:.1f}" fill="{TONGUE}"/>'
    return _lined(path, teeth + tongue, fill)


def _wail(w: float, depth: float, fill: str) -> str:
    path = f"M{-w:.1f},{depth * 0.8:.1f} C{-w * 0.85:.1f},{-depth * 0.75:.1f} {-w * 0.4:.1f},{-depth * 0.8:.1f} 0,{-depth * 0.8:.1f} "
    path += f"C{w * 0.4:.1f},{-depth * 0.8:.1f} {w * 0.85:.1f},{-depth * 0.75:.1f} {w:.1f},{depth * 0.8:.1f} Q0,{depth * 0.5:.1f} {-w:.1f},{depth * 0.8:.1f} Z"
    teeth = f'<path d="M{-w:.1f},{-depth:.1f} L{w:.1f},{-depth:.1f} L{w:.1f},{-depth * 0.42:.1f} L{-w:.1f},{-depth * 0.42:.1f} Z" fill="{TEETH}"/>'
    tongue = f'<ellipse cy="{depth * 0.82:.1f}" rx="{w * 0.5:.1f}" ry="{depth * 0.46:.1f}" fill="{TONGUE}"/>'
    return _lined(path, teeth + tongue, fill)


def _lined(path: str, inside: str, fill: str) -> str:
    clip = f'<clipPath id="mouth"><path d="{path}"/></clipPath>'
    return f'{clip}<path d="{path}" fill="{INSIDE}"/><g clip-path="url(#mouth)">{inside}</g><path d="{path}" fill="none" {fill}/>'


def _grit(w: float, half: float, bend: float, fill: str, style: Style) -> str:
    """Bared teeth; the edge wobbles when the corners do not smile."""
    lift = bend * half * 0.5 if bend > 0.55 else 0.0
    wave = 0.0 if lift else half * 0.3
    xs = [w * (i / 6 - 1) for i in range(13)]
    top = [(x, -half + (wave if i % 2 else -wave) - lift * abs(x / w) ** 2) for i, x in enumerate(xs)]
    low = [(x, half + (wave if i % 2 else -wave) - lift * abs(x / w) ** 2) for i, x in enumerate(xs)]
    shape = points(top + low[::-1])
    bars = "".join(
        f'<path d="M{w * f:.1f},{-half:.1f} L{w * f:.1f},{half:.1f}" {stroke(style.palette.line, style.line * 0.5)}/>'
        for f in (-0.5, 0.0, 0.5)
    )
    middle = f'<polyline points="{points([(x, (a + b) / 2) for (x, a), (_, b) in zip(top, low, strict=True)])}" {stroke(style.palette.line, style.line * 0.5)}/>'
    return f'<polygon points="{shape}" fill="{TEETH}"/>{bars}{middle}<polygon points="{shape}" fill="none" {fill}/>'
