"""Draws what no expression changes: body, ears, head, muzzle and marks, for each kind of character.

The eyes lie near y = 0, the top of the head near -125, the chin near 150.
"""

import math

from avatar.starter.hair import back_hair, fringe, glasses, hat
from avatar.starter.palette import INK, luminance, mix, shade
from avatar.starter.style import Build, Style, fill, points, stroke


def behind(build: Build, style: Style) -> str:
    return "".join(
        (
            back_hair(build, style),
            _body(build, style),
            _ears(build, style),
            _head(build, style),
            _muzzle(build, style),
            _marks(build, style),
        )
    )


def before(build: Build, style: Style) -> str:
    return "".join((glasses(build, style), fringe(build, style), hat(build, style)))


def head_outline(build: Build, grow: float = 0.0) -> list[tuple[float, float]]:
    """The head as 72 corners in face units, `grow` units larger."""
    corners = []
    for step in range(72):
        angle = step * math.pi / 36
        c, s = math.cos(angle), math.sin(angle)
        x = math.copysign(abs(c) ** (2 / build.square), c) * (build.head_rx + grow)
        y = math.copysign(abs(s) ** (2 / build.square), s) * (build.head_ry + grow)
        corners.append((x * (1 - build.taper * max(0.0, s) ** 2 + 0.25 * build.taper * min(0.0, s)), y + 16))
    return corners


def _head(build: Build, style: Style) -> str:
    coat, outline = style.palette.coat, head_outline(build)
    head = f'<polygon points="{points(outline)}" {fill(coat, style)}/>'
    if build.kind == "robot":
        screen = "#12202b" if "dark screen" in build.marks else shade(coat, 0.82)
        rx, ry = build.head_rx * 0.87, build.head_ry * 0.84
        return (
            f'{head}<rect x="{-rx:.1f}" y="{16 - ry:.1f}" width="{2 * rx:.1f}" height="{2 * ry:.1f}" '
            f'rx="52" {fill(screen, style, 0.8)}/>'
        )
    if build.kind == "cat":
        y = 96.0
        tufts = "".join(
            f'<path d="M{s * build.head_rx * 0.9:.1f},{y - 34} L{s * (build.head_rx + 26):.1f},{y - 8} '
            f"L{s * build.head_rx * 0.9:.1f},{y + 2} "
            f'L{s * (build.head_rx + 10):.1f},{y + 24} L{s * build.head_rx * 0.6:.1f},{y + 26}" {fill(coat, style)}/>'
            for s in (-1, 1)
        )
        inner = f'<polygon points="{points(head_outline(build, -style.line * 0.6))}" fill="{coat}"/>'
        return head + tufts + inner
    return head


def _muzzle(build: Build, style: Style) -> str:
    palette, y = style.palette, style.mouth_y - 30
    nose = _nose(build, style, y)
    match build.kind:
        case "pony":
            shape = (
                f'<ellipse cy="{y + 33:.1f}" rx="90" ry="58" fill="{palette.muzzle}" '
                f'stroke="{shade(palette.coat, 0.16)}" stroke-width="4"/>'
            )
            return f"{shape}{nose}"
        case "cat" | "fox" | "dog" | "bear" | "bunny":
            shape = (
                f'<ellipse cy="{y + 36:.1f}" rx="{62 if build.kind != "bear" else 76}" ry="50" '
                f'fill="{palette.muzzle}"/>'
            )
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
            return (
                f'<path d="M-12,{y - 8:.1f} L12,{y - 8:.1f} Q9,{y + 6:.1f} 0,{y + 7:.1f} '
                f'Q-9,{y + 6:.1f} -12,{y - 8:.1f} Z" {fill(colour, style, 0.5)}/>'
            )
        case "dog" | "bear" | "fox":
            return (
                f'<ellipse cy="{y:.1f}" rx="19" ry="13" {fill(colour, style, 0.4)}/><ellipse cx="-6" '
                f'cy="{y - 4:.1f}" rx="5" ry="3" fill="#ffffff" opacity="0.7"/>'
            )
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
            '<g fill="#ffffff" opacity="0.92"><ellipse cx="103" cy="34" rx="15" ry="9" '
            'transform="rotate(-24 103 34)"/><circle cx="122" cy="14" r="5"/><circle cx="86" cy="52" r="4"/></g>'
        )
    if "smudge" in build.marks:
        parts.append(
            '<path d="M-112,70 q14,-12 26,-2 q12,8 22,-1" fill="none" stroke="#30313a" stroke-width="7" '
            'stroke-linecap="round" opacity="0.55"/>'
        )
    if "patch" in build.marks:
        tone = mix(palette.coat, palette.hair, 0.45)
        parts.append(
            f'<ellipse cx="{-style.eye_x:.1f}" cy="-4" rx="{style.eye_rx * 1.5:.1f}" '
            f'ry="{style.eye_ry * 1.4:.1f}" fill="{tone}"/>'
        )
    parts += [draw(style) for name, draw in _PAINTED.items() if name in build.marks]
    return "".join(parts)


def _blaze(style: Style) -> str:
    """A pale stripe from the brow to the nose."""
    tone, low = mix(style.palette.coat, "#ffffff", 0.6), style.mouth_y - 26
    return f'<path d="M-16,-118 Q-9,-30 -24,{low:.1f} Q0,{low + 14:.1f} 24,{low:.1f} Q9,-30 16,-118 Z" fill="{tone}"/>'


def _band(style: Style) -> str:
    """A dark band across the eyes."""
    tone, half = mix(style.palette.coat, style.palette.hair, 0.6), style.eye_ry * 1.05
    return f'<rect x="-132" y="{-half:.1f}" width="264" height="{2 * half:.1f}" rx="{half:.1f}" fill="{tone}"/>'


def _scar(style: Style) -> str:
    """A scar across the right cheek."""
    tone = mix(style.palette.coat, "#ffffff" if style.palette.dark else "#8a2f3a", 0.5)
    x, y = style.eye_x * 1.25, style.eye_ry * 1.2
    cross = f"M{x - 20:.1f},{y - 12:.1f} l40,26 m-26,-24 l-8,14 m22,-4 l-8,14"
    return f'<path d="{cross}" {stroke(tone, 5)}/>'


def _cheeks(style: Style) -> str:
    """Round cheeks in a warmer tone, worn by every expression."""
    tone, x, y = mix(style.palette.coat, "#ff7d5e", 0.4), style.eye_x * 1.45, style.eye_ry * 1.3
    return "".join(f'<circle cx="{side * x:.1f}" cy="{y:.1f}" r="19" fill="{tone}"/>' for side in (-1, 1))


_PAINTED = {"blaze": _blaze, "band": _band, "scar": _scar, "cheeks": _cheeks}


def _ear(build: Build) -> tuple[str, str]:
    """Outline and hollow of the right ear; empty where there is none."""
    rx = build.head_rx
    match build.kind:
        case "pony":
            return (
                "M64,-92 C66,-160 104,-196 128,-204 C148,-170 150,-110 130,-56 Z",
                "M84,-96 C88,-146 108,-172 122,-182 C134,-156 134,-114 120,-78 Z",
            )
        case "cat" | "fox":
            return "M34,-104 L112,-208 Q142,-140 132,-56 Z", "M62,-106 L108,-176 Q122,-136 116,-84 Z"
        case "dog":
            return "M84,-104 C150,-150 196,-60 176,40 C150,50 128,10 118,-50 Z", ""
        case "bunny":
            return (
                "M26,-104 C16,-200 50,-250 76,-246 C104,-236 104,-160 88,-92 Z",
                "M44,-112 C40,-190 58,-222 72,-222 C86,-212 84,-160 74,-106 Z",
            )
        case "bear":
            return "M66,-90 A44,44 0 1 1 130,-40 Z", "M84,-84 A24,24 0 1 1 120,-56 Z"
        case "robot":
            return (
                f"M{rx - 6:.0f},-26 L{rx + 26:.0f},-26 L{rx + 26:.0f},58 L{rx - 6:.0f},58 Z",
                f"M{rx + 26:.0f},-6 L{rx + 38:.0f},-6 L{rx + 38:.0f},38 L{rx + 26:.0f},38 Z",
            )
        case "person":
            return f"M{rx - 8:.0f},-10 C{rx + 34:.0f},-26 {rx + 30:.0f},52 {rx - 10:.0f},44 Z", ""
        case "sprite":
            return "", ""


def _ears(build: Build, style: Style) -> str:
    ear, hole = _ear(build)
    if not ear:
        return ""
    coat = style.palette.coat
    robot = build.kind == "robot"
    inner = style.palette.hair if robot else mix(coat, "#ff9fb0", 0.55)
    hollow = f'<path d="{hole}" fill="{inner}"/>' if hole else ""
    outline = f'<path d="{ear}" {fill(coat, style)}/>'
    ears = "".join(f'<g transform="scale({side} 1)">{outline}{hollow}</g>' for side in (-1, 1))
    return ears + (_antenna(style) if robot else "")


def _antenna(style: Style) -> str:
    rod = f'<path d="M0,-110 L0,-178" {stroke(style.palette.line, style.line * 1.6)}/>'
    return f'{rod}<circle cy="-190" r="18" {fill(style.palette.iris, style)}/>'


def _body(build: Build, style: Style) -> str:
    palette = style.palette
    neck = f'<path d="M-58,110 L-66,220 L66,220 L58,110 Z" {fill(shade(palette.coat, 0.18), style)}/>'
    chest = (
        '<path d="M-196,330 C-190,226 -130,196 -62,186 Q0,222 62,186 C130,196 190,226 196,330 '
        f'L196,420 L-196,420 Z" {fill(palette.cloth, style)}/>'
    )
    trim = mix(palette.cloth, "#ffffff" if luminance(palette.cloth) < 0.6 else INK, 0.55)
    collar = f'<path d="M-66,184 Q0,232 66,184 L84,204 Q0,268 -84,204 Z" {fill(trim, style, 0.8)}/>'
    if "bow tie" in build.marks:
        collar += (
            '<path d="M0,224 L-46,200 L-46,252 Z M0,224 L46,200 L46,252 Z" '
            f'{fill(palette.iris, style)}/><circle cy="225" r="12" {fill(shade(palette.iris, 0.25), style, 0.8)}/>'
        )
    if "overall" in build.marks:
        straps = "".join(
            f'<path d="M{s * 112},206 L{s * 84},340 L{s * 50},340 L{s * 80},194 Z" {fill(palette.hair, style, 0.8)}/>'
            for s in (-1, 1)
        )
        collar = straps + collar
    return neck + chest + collar
