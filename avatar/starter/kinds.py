"""Draws what no expression changes: body, ears, head, muzzle, hair, hat and glasses, for each kind of character.

Coordinates are the face's own (see `features.py`): eyes near y = 0, the top of the head near -125, the chin near 150.
`behind` is drawn before the changing features and `before` after them.
"""

import math
from dataclasses import dataclass
from typing import Literal

from avatar.starter.features import Style, points, stroke
from avatar.starter.palette import INK, luminance, mix, shade

Kind = Literal["pony", "cat", "dog", "bunny", "bear", "fox", "person", "robot", "sprite"]
Fringe = Literal["none", "sweep", "bangs", "tuft", "part", "curls"]
BackHair = Literal["none", "long", "puff", "mane", "tails"]
Hat = Literal["none", "baker", "cap", "bow", "flower"]
KINDS: tuple[Kind, ...] = ("pony", "cat", "dog", "bunny", "bear", "fox", "person", "robot", "sprite")


@dataclass(frozen=True, slots=True)
class Build:
    """The unchanging shape of one character. Lengths in face units."""

    kind: Kind
    head_rx: float
    head_ry: float
    square: float
    taper: float
    fringe: Fringe
    back: BackHair
    hat: Hat
    glasses: bool
    marks: tuple[str, ...]


def fill(colour: str, style: Style, width: float = 1.0) -> str:
    return (
        f'fill="{colour}" stroke="{style.palette.line}" stroke-width="{style.line * width:.1f}" stroke-linejoin="round"'
    )


def behind(build: Build, style: Style) -> str:
    return "".join(
        (
            _back_hair(build, style),
            _body(build, style),
            _ears(build, style),
            _head(build, style),
            _muzzle(build, style),
            _marks(build, style),
        )
    )


def before(build: Build, style: Style) -> str:
    return "".join((_glasses(build, style), _fringe(build, style), _hat(build, style)))


def _head_outline(build: Build, grow: float = 0.0) -> list[tuple[float, float]]:
    corners = []
    for step in range(72):
        angle = step * math.pi / 36
        c, s = math.cos(angle), math.sin(angle)
        x = math.copysign(abs(c) ** (2 / build.square), c) * (build.head_rx + grow)
        y = math.copysign(abs(s) ** (2 / build.square), s) * (build.head_ry + grow)
        corners.append((x * (1 - build.taper * max(0.0, s) ** 2 + 0.25 * build.taper * min(0.0, s)), y + 16))
    return corners


def _head(build: Build, style: Style) -> str:
    coat, outline = style.palette.coat, _head_outline(build)
    head = f'<polygon points="{points(outline)}" {fill(coat, style)}/>'
    if build.kind == "robot":
        screen = "#12202b" if "dark screen" in build.marks else shade(coat, 0.82)
        rx, ry = build.head_rx * 0.87, build.head_ry * 0.84
        return f'{head}<rect x="{-rx:.1f}" y="{16 - ry:.1f}" width="{2 * rx:.1f}" height="{2 * ry:.1f}" rx="52" {fill(screen, style, 0.8)}/>'
    if build.kind == "cat":
        y = 96.0
        tufts = "".join(
            f'<path d="M{s * build.head_rx * 0.9:.1f},{y - 34} L{s * (build.head_rx + 26):.1f},{y - 8} L{s * build.head_rx * 0.9:.1f},{y + 2} '
            f'L{s * (build.head_rx + 10):.1f},{y + 24} L{s * build.head_rx * 0.6:.1f},{y + 26}" {fill(coat, style)}/>'
            for s in (-1, 1)
        )
        inner = f'<polygon points="{points(_head_outline(build, -style.line * 0.6))}" fill="{coat}"/>'
        return head + tufts + inner
    return head


def _muzzle(build: Build, style: Style) -> str:
    palette, y = style.palette, style.mouth_y - 30
    nose = _nose(build, style, y)
    match build.kind:
        case "pony":
            shape = f'<ellipse cy="{y + 33:.1f}" rx="90" ry="58" fill="{palette.muzzle}" stroke="{shade(palette.coat, 0.16)}" stroke-width="4"/>'
            return f"{shape}{nose}"
        case "cat" | "fox" | "dog" | "bear" | "bunny":
            shape = f'<ellipse cy="{y + 36:.1f}" rx="{62 if build.kind != "bear" else 76}" ry="50" fill="{palette.muzzle}"/>'
            return f"{shape}{nose}{_whiskers(build, style, y)}"
        case _:
            return nose


def _nose(build: Build, style: Style, y: float) -> str:
    colour = (
        mix("#e8687e", style.palette.coat, 0.25)
        if build.kind in ("cat", "bunny")
        else mix(INK, style.palette.coat, 0.1)
    )
    x = style.mouth_shift
    match build.kind:
        case "pony":
            return "".join(
                f'<ellipse cx="{s * 22}" cy="{y:.1f}" rx="5.5" ry="4" fill="{style.palette.face_line}" opacity="0.8"/>'
                for s in (-1, 1)
            )
        case "cat" | "bunny":
            return f'<path d="M-12,{y - 8:.1f} L12,{y - 8:.1f} Q9,{y + 6:.1f} 0,{y + 7:.1f} Q-9,{y + 6:.1f} -12,{y - 8:.1f} Z" {fill(colour, style, 0.5)}/>'
        case "dog" | "bear" | "fox":
            return f'<ellipse cy="{y:.1f}" rx="19" ry="13" {fill(colour, style, 0.4)}/><ellipse cx="-6" cy="{y - 4:.1f}" rx="5" ry="3" fill="#ffffff" opacity="0.7"/>'
        case "person":
            return (
                f'<path d="M{x - 4:.1f},{y - 12:.1f} q9,9 -3,13" {stroke(style.palette.face_line, style.line * 0.7)}/>'
            )
        case _:
            return ""


def _whiskers(build: Build, style: Style, y: float) -> str:
    if build.kind not in ("cat", "bunny") or "whiskers" not in build.marks:
        return ""
    pen = stroke(style.palette.face_line, style.line * 0.45)
    lines = [(s * 84, y + 14 + k * 14, s * (128 + 6 * (1 - k)), y + 4 + k * 20) for s in (-1, 1) for k in (0, 1, 2)]
    return "".join(f'<path d="M{a:.1f},{b:.1f} L{c:.1f},{d:.1f}" {pen}/>' for a, b, c, d in lines)


def _marks(build: Build, style: Style) -> str:
    palette, parts = style.palette, []
    if "freckles" in build.marks:
        dot = shade(palette.coat, 0.35) if not palette.dark else shade(palette.coat, -0.3)
        spots = ((-88, 44), (-76, 55), (-99, 57), (88, 44), (76, 55), (99, 57))
        parts += [f'<circle cx="{x}" cy="{y}" r="3.6" fill="{dot}"/>' for x, y in spots]
    if "tabby" in build.marks:
        dark = shade(palette.coat, 0.42) if not palette.dark else shade(palette.coat, -0.22)
        bars = "M0,-100 L0,-72 M-30,-97 L-25,-76 M30,-97 L25,-76"
        bars += "".join(f" M{s * 148},{y} L{s * 122},{y + 3}" for s in (-1, 1) for y in (20, 44))
        parts.append(f'<path d="{bars}" {stroke(dark, 11)}/>')
    if "flour" in build.marks:
        parts.append(
            '<g fill="#ffffff" opacity="0.92"><ellipse cx="103" cy="34" rx="15" ry="9" transform="rotate(-24 103 34)"/><circle cx="122" cy="14" r="5"/><circle cx="86" cy="52" r="4"/></g>'
        )
    if "smudge" in build.marks:
        parts.append(
            '<path d="M-112,70 q14,-12 26,-2 q12,8 22,-1" fill="none" stroke="#30313a" stroke-width="7" stroke-linecap="round" opacity="0.55"/>'
        )
    if "patch" in build.marks:
        tone = mix(palette.coat, palette.hair, 0.45)
        parts.append(
            f'<ellipse cx="{-style.eye_x:.1f}" cy="-4" rx="{style.eye_rx * 1.5:.1f}" ry="{style.eye_ry * 1.4:.1f}" fill="{tone}"/>'
        )
    return "".join(parts)


def _ears(build: Build, style: Style) -> str:
    coat, inner = style.palette.coat, mix(style.palette.coat, "#ff9fb0", 0.55)
    rx, sides = build.head_rx, []
    for side in (-1, 1):
        match build.kind:
            case "pony":
                ear, hole = (
                    "M64,-92 C66,-160 104,-196 128,-204 C148,-170 150,-110 130,-56 Z",
                    "M84,-96 C88,-146 108,-172 122,-182 C134,-156 134,-114 120,-78 Z",
                )
            case "cat" | "fox":
                ear, hole = "M34,-104 L112,-208 Q142,-140 132,-56 Z", "M62,-106 L108,-176 Q122,-136 116,-84 Z"
            case "dog":
                ear, hole = "M84,-104 C150,-150 196,-60 176,40 C150,50 128,10 118,-50 Z", ""
            case "bunny":
                ear, hole = (
                    "M26,-104 C16,-200 50,-250 76,-246 C104,-236 104,-160 88,-92 Z",
                    "M44,-112 C40,-190 58,-222 72,-222 C86,-212 84,-160 74,-106 Z",
                )
            case "bear":
                ear, hole = "M66,-90 A44,44 0 1 1 130,-40 Z", "M84,-84 A24,24 0 1 1 120,-56 Z"
            case "robot":
                ear, hole = (
                    f"M{rx - 6:.0f},-26 L{rx + 26:.0f},-26 L{rx + 26:.0f},58 L{rx - 6:.0f},58 Z",
                    f"M{rx + 26:.0f},-6 L{rx + 38:.0f},-6 L{rx + 38:.0f},38 L{rx + 26:.0f},38 Z",
                )
                inner = style.palette.hair
            case "person":
                ear, hole = f"M{rx - 8:.0f},-10 C{rx + 34:.0f},-26 {rx + 30:.0f},52 {rx - 10:.0f},44 Z", ""
            case _:
                return ""
        hollow = f'<path d="{hole}" fill="{inner}"/>' if hole else ""
        sides.append(f'<g transform="scale({side} 1)"><path d="{ear}" {fill(coat, style)}/>{hollow}</g>')
    if build.kind == "robot":
        sides.append(
            f'<path d="M0,-110 L0,-178" {stroke(style.palette.line, style.line * 1.6)}/><circle cy="-190" r="18" {fill(style.palette.iris, style)}/>'
        )
    return "".join(sides)


def _body(build: Build, style: Style) -> str:
    palette = style.palette
    neck = f'<path d="M-58,110 L-66,220 L66,220 L58,110 Z" {fill(shade(palette.coat, 0.18), style)}/>'
    chest = f'<path d="M-196,330 C-190,226 -130,196 -62,186 Q0,222 62,186 C130,196 190,226 196,330 L196,420 L-196,420 Z" {fill(palette.cloth, style)}/>'
    trim = mix(palette.cloth, "#ffffff" if luminance(palette.cloth) < 0.6 else INK, 0.55)
    collar = f'<path d="M-66,184 Q0,232 66,184 L84,204 Q0,268 -84,204 Z" {fill(trim, style, 0.8)}/>'
    if "bow tie" in build.marks:
        collar += f'<path d="M0,224 L-46,200 L-46,252 Z M0,224 L46,200 L46,252 Z" {fill(palette.iris, style)}/><circle cy="225" r="12" {fill(shade(palette.iris, 0.25), style, 0.8)}/>'
    if "overall" in build.marks:
        straps = "".join(
            f'<path d="M{s * 112},206 L{s * 84},340 L{s * 50},340 L{s * 80},194 Z" {fill(palette.hair, style, 0.8)}/>'
            for s in (-1, 1)
        )
        collar = straps + collar
    return neck + chest + collar


def _back_hair(build: Build, style: Style) -> str:
    hair, streak = style.palette.hair, style.palette.streak
    rx = build.head_rx
    match build.back:
        case "long":
            return f'<path d="M{-rx - 26:.0f},20 C{-rx - 40:.0f},-170 {rx + 40:.0f},-170 {rx + 26:.0f},20 L{rx + 44:.0f},250 Q0,280 {-rx - 44:.0f},250 Z" {fill(hair, style)}/>'
        case "puff":
            blobs = [
                (math.cos(a * math.pi / 5) * (rx + 14), math.sin(a * math.pi / 5) * (rx - 10) - 30) for a in range(10)
            ]
            return (
                "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="58" {fill(hair, style)}/>' for x, y in blobs)
                + f'<circle cy="-30" r="{rx:.1f}" fill="{hair}"/>'
            )
        case "mane":
            curls = [(-118, -96, 56), (-160, -30, 54), (-176, 48, 52), (-172, 124, 50), (-150, 194, 48)]
            drawn = "".join(f'<circle cx="{x}" cy="{y}" r="{r}" {fill(hair, style)}/>' for x, y, r in curls)
            bands = "".join(
                f'<path d="M{x - 22},{y - 26} q{-r * 0.5:.0f},26 6,{r}" {stroke(streak, 13)}/>' for x, y, r in curls
            )
            return f'{drawn}<path d="M-100,-110 L-130,220 L0,100 Z" fill="{hair}"/>{bands}'
        case "tails":
            return "".join(
                f'<g transform="scale({s} 1)"><path d="M{rx - 20:.0f},-90 C{rx + 120:.0f},-150 {rx + 110:.0f},60 {rx + 30:.0f},120 C{rx + 60:.0f},20 {rx + 20:.0f},-20 {rx - 30:.0f},-40 Z" {fill(hair, style)}/></g>'
                for s in (-1, 1)
            )
        case _:
            return ""


_FRINGES: dict[str, tuple[str, str]] = {
    "sweep": (
        "M-118,-34 C-146,-150 -20,-186 60,-152 C124,-130 150,-60 140,6 C118,-40 84,-82 34,-96 C-10,-72 -74,-66 -118,-34 Z",
        "M-84,-72 C-60,-120 0,-140 46,-124 M40,-118 C88,-104 118,-66 128,-34",
    ),
    "bangs": (
        "M-150,16 C-166,-170 166,-170 150,16 C140,-18 132,-44 118,-66 Q96,-48 78,-74 Q52,-50 28,-78 Q0,-52 -28,-78 Q-52,-50 -78,-74 Q-96,-48 -118,-66 C-132,-44 -140,-18 -150,16 Z",
        "M-64,-112 Q-50,-96 -52,-84 M0,-124 L0,-92 M64,-112 Q50,-96 52,-84",
    ),
    "tuft": (
        "M-66,-108 Q-58,-160 -30,-146 Q-20,-196 10,-160 Q40,-190 42,-142 Q72,-150 66,-108 Q0,-78 -66,-108 Z",
        "M-14,-118 Q-10,-140 2,-150",
    ),
    "part": (
        "M0,-136 C-120,-150 -166,-60 -152,52 C-138,10 -130,-36 -96,-62 C-50,-74 -14,-100 0,-124 C14,-100 50,-74 96,-62 C130,-36 138,10 152,52 C166,-60 120,-150 0,-136 Z",
        "M-96,-92 C-120,-70 -134,-30 -138,0 M96,-92 C120,-70 134,-30 138,0",
    ),
    "curls": (
        "M-136,-20 A34,34 0 0 1 -126,-82 A40,40 0 0 1 -72,-132 A44,44 0 0 1 6,-148 A44,44 0 0 1 82,-128 A40,40 0 0 1 130,-78 A34,34 0 0 1 138,-16 A26,26 0 0 1 104,-56 A30,30 0 0 1 56,-84 A32,32 0 0 1 0,-88 A32,32 0 0 1 -58,-82 A30,30 0 0 1 -104,-54 A26,26 0 0 1 -136,-20 Z",
        "M-60,-110 a18,18 0 0 1 26,10 M24,-118 a18,18 0 0 1 26,12",
    ),
}


def _fringe(build: Build, style: Style) -> str:
    if build.fringe == "none":
        return ""
    shape, bands = _FRINGES[build.fringe]
    return f'<path d="{shape}" {fill(style.palette.hair, style)}/><path d="{bands}" {stroke(style.palette.streak, 9)}/>'


def _glasses(build: Build, style: Style) -> str:
    if not build.glasses:
        return ""
    r, pen = style.eye_rx * 1.42, stroke(shade(style.palette.streak, 0.35), style.line * 0.8)
    ry = max(r, style.eye_ry * 1.18)
    rings = "".join(f'<ellipse cx="{s * style.eye_x:.1f}" cy="4" rx="{r:.1f}" ry="{ry:.1f}" {pen}/>' for s in (-1, 1))
    gap = style.eye_x - r
    bridge = f'<path d="M{-gap:.1f},0 Q0,-12 {gap:.1f},0" {pen}/>' if gap > 0 else ""
    return rings + bridge


def _hat(build: Build, style: Style) -> str:
    palette = style.palette
    match build.hat:
        case "baker":
            puffs = "M-92,-112 C-150,-150 -128,-222 -66,-208 C-46,-250 46,-250 66,-208 C128,-222 150,-150 92,-112 Z"
            folds = f'<path d="M-40,-140 Q-48,-170 -40,-190 M4,-140 L4,-196 M48,-140 Q56,-170 46,-190" {stroke("#d9cfc4", style.line * 0.6)}/>'
            band = f'<path d="M-92,-126 Q0,-152 92,-126 L88,-92 Q0,-118 -88,-92 Z" {fill(palette.cloth, style)}/>'
            return f'<g transform="translate(8 -24) rotate(6) scale(0.78)"><path d="{puffs}" {fill("#fffaf2", style)}/>{folds}{band}</g>'
        case "cap":
            return f'<path d="M-140,-72 C-146,-190 146,-190 140,-72 Q0,-120 -140,-72 Z" {fill(palette.cloth, style)}/><path d="M-150,-66 Q0,-124 150,-66 Q0,-92 -150,-66 Z" {fill(shade(palette.cloth, 0.3), style)}/>'
        case "bow":
            return f'<g transform="translate(86 -112) rotate(18)"><path d="M0,0 L-52,-32 L-48,32 Z M0,0 L52,-32 L48,32 Z" {fill(palette.cloth, style)}/><circle r="14" {fill(shade(palette.cloth, 0.2), style)}/></g>'
        case "flower":
            petals = "".join(
                f'<ellipse cy="-20" rx="13" ry="19" transform="rotate({a})" {fill(palette.cloth, style, 0.7)}/>'
                for a in range(0, 360, 72)
            )
            return f'<g transform="translate(92 -100)">{petals}<circle r="12" {fill("#ffd23e", style, 0.7)}/></g>'
        case _:
            return ""
