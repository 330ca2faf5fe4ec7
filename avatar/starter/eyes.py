"""Draws one eye of a pose in a character's style: open with iris and lids, closed, or a heart or star in its place."""

import math

from avatar.starter.expressions import Eye
from avatar.starter.palette import mix, shade
from avatar.starter.signs import heart, star
from avatar.starter.style import SOLID, Style, points, stroke


def draw_eye(style: Style, eye: Eye, side: int) -> str:
    """Drawn as the right eye (inner end at negative x) and mirrored for the left one; the gaze is not mirrored."""
    flip = f"translate({side * style.eye_x:.1f} 0) scale({side} 1)"
    rx, ry = style.eye_rx, style.eye_ry
    if eye.form == "heart":
        body = heart(0, 0, max(rx, ry * 0.8, 25) * 1.05, "#ff3b6b", style.line * 0.8, style.palette.line)
    elif eye.form == "star":
        body = star(0, 0, max(rx, ry * 0.82, 25) * 1.15, "#ffd23e", style.line * 0.8, style.palette.line)
    elif eye.form == "open":
        body = _open_eye(style, eye, side)
    else:
        body = _closed_eye(style, eye)
    return f'<g transform="{flip}">{body}</g>'


def _closed_eye(style: Style, eye: Eye) -> str:
    rx, ry, pen = max(style.eye_rx, 21) * 1.02, max(style.eye_ry, 22), stroke(style.ink, style.line * 1.35)
    if eye.form == "arc":
        return f'<path d="M{-rx:.1f},{ry * 0.3:.1f} Q0,{-ry * 0.95:.1f} {rx:.1f},{ry * 0.3:.1f}" {pen}/>'
    if eye.form == "shut":
        lash = f"M{rx * 0.75:.1f},{ry * 0.3:.1f} L{rx * 1.15:.1f},{ry * 0.42:.1f}" if style.lashes else ""
        return f'<path d="M{-rx:.1f},0 Q0,{ry * 0.95:.1f} {rx:.1f},0 {lash}" {pen}/>'
    return (
        f'<path d="M{rx * 0.9:.1f},{-ry * 0.55:.1f} L{-rx * 0.7:.1f},{ry * 0.05:.1f} '
        f'L{rx * 0.9:.1f},{ry * 0.6:.1f}" {pen}/>'
    )


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
    if eye.lid > 0.15 and style.eyes not in SOLID:
        rx, ry = style.eye_rx, style.eye_ry * eye.height
        lid = f'<ellipse rx="{rx:.1f}" ry="{ry:.1f}" fill="{style.palette.lid}" {_outline(style)}/>'
    return (
        f'{lid}<clipPath id="{name}"><polygon points="{shape}"/></clipPath><polygon points="{shape}" '
        f'fill="{_white(style)}"/>'
        f'<g clip-path="url(#{name})">{_iris(style, eye, side)}</g>{_lids(style, eye, upper, lower)}'
    )


def _outline(style: Style) -> str:
    return f'stroke="{style.palette.line}" stroke-width="{style.line * 0.55:.1f}"'


def _white(style: Style) -> str:
    if style.eyes == "led":
        return style.palette.iris
    if style.eyes in ("bean", "dot"):
        return style.palette.face_line
    return mix(style.palette.iris, style.white, 0.25) if style.eyes == "slit" else style.white


def _iris(style: Style, eye: Eye, side: int) -> str:
    rx, ry = style.eye_rx, style.eye_ry
    gx, gy = eye.gaze[0] * rx * 0.55 * side, eye.gaze[1] * ry * 0.45
    if style.eyes == "dot":
        return _dot(style, eye, gx, gy)
    if style.eyes in SOLID:
        return _shine_only(style, eye, gx, gy, side * rx)
    if style.eyes in ("ring", "slit"):
        return _flat_iris(style, eye, gx, gy, side)
    size = {"anime": 0.84, "toon": 0.5}[style.eyes]
    scale = 0.35 + 0.65 * eye.pupil
    ix, iy = rx * size * min(1.12, scale), (ry if style.eyes == "anime" else min(rx, ry)) * size * min(1.15, scale)
    iris, dark = style.palette.iris, shade(style.palette.iris, 0.62)
    if style.eyes == "toon":
        iris, dark = style.palette.line, style.palette.line
    pupil = min(1.0, 0.5 * eye.pupil + 0.08)
    parts = [
        f'<ellipse cx="{gx:.1f}" cy="{gy:.1f}" rx="{ix:.1f}" ry="{iy:.1f}" fill="{dark}"/>',
        f'<ellipse cx="{gx:.1f}" cy="{gy + iy * 0.16:.1f}" rx="{ix * 0.88:.1f}" ry="{iy * 0.8:.1f}" fill="{iris}"/>',
        f'<ellipse cx="{gx:.1f}" cy="{gy + iy * 0.5:.1f}" rx="{ix * 0.6:.1f}" ry="{iy * 0.36:.1f}" '
        f'fill="{mix(iris, "#ffffff", 0.4)}"/>',
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


def _flat_iris(style: Style, eye: Eye, gx: float, gy: float, side: int) -> str:
    """A flat iris in the white of the eye, or an upright pupil in an eye that is all iris; one light."""
    radius = min(style.eye_rx, style.eye_ry) * 0.62 * min(1.15, 0.45 + 0.55 * eye.pupil)
    wide, high = (radius * 0.55, radius * 0.55) if style.eyes == "ring" else (radius * 0.36, radius * 1.25)
    parts = []
    if style.eyes == "ring":
        edge = stroke(shade(style.palette.iris, 0.5), style.line * 0.4).replace('fill="none" ', "")
        parts.append(f'<circle cx="{gx:.1f}" cy="{gy:.1f}" r="{radius:.1f}" fill="{style.palette.iris}" {edge}/>')
    parts.append(f'<ellipse cx="{gx:.1f}" cy="{gy:.1f}" rx="{wide:.1f}" ry="{high:.1f}" fill="{style.palette.line}"/>')
    light = radius * (0.36 if eye.glossy else 0.24)
    parts.append(
        f'<circle cx="{gx - radius * 0.4 * side:.1f}" cy="{gy - radius * 0.45:.1f}" r="{light:.1f}" fill="#ffffff"/>'
    )
    return "".join(parts)


def _dot(style: Style, eye: Eye, gx: float, gy: float) -> str:
    """A dot that is all ink: a light only where it glistens, a rim of white where it shrinks in fear."""
    light = style.palette.line if style.palette.dark else "#ffffff"
    if eye.pupil < 0.6:
        return _shine_only(style, eye, gx, gy, 0.0)
    if not eye.glossy:
        return ""
    return (
        f'<circle cx="{gx - 4:.1f}" cy="{gy - style.eye_ry * 0.36:.1f}" r="{style.eye_rx * 0.4:.1f}" fill="{light}"/>'
    )


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
    if style.eyes in SOLID:
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
