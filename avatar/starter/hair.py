"""Draws hair, hats and glasses: what lies behind the head and what lies over the face."""

import math

from avatar.starter.palette import shade
from avatar.starter.style import Build, Style, fill, stroke


def back_hair(build: Build, style: Style) -> str:
    hair, streak = style.palette.hair, style.palette.streak
    rx = build.head_rx
    match build.back:
        case "long":
            return (
                f'<path d="M{-rx - 26:.0f},20 C{-rx - 40:.0f},-170 {rx + 40:.0f},-170 {rx + 26:.0f},20 '
                f'L{rx + 44:.0f},250 Q0,280 {-rx - 44:.0f},250 Z" {fill(hair, style)}/>'
            )
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
                f'<g transform="scale({s} 1)"><path d="M{rx - 20:.0f},-90 C{rx + 120:.0f},-150 '
                f"{rx + 110:.0f},60 {rx + 30:.0f},120 C{rx + 60:.0f},20 {rx + 20:.0f},-20 "
                f'{rx - 30:.0f},-40 Z" {fill(hair, style)}/></g>'
                for s in (-1, 1)
            )
        case _:
            return ""


_FRINGES: dict[str, tuple[str, str]] = {
    "sweep": (
        "M-118,-34 C-146,-150 -20,-186 60,-152 C124,-130 150,-60 140,6 C118,-40 84,-82 34,-96 C-10,-72 "
        "-74,-66 -118,-34 Z",
        "M-84,-72 C-60,-120 0,-140 46,-124 M40,-118 C88,-104 118,-66 128,-34",
    ),
    "bangs": (
        "M-150,16 C-166,-170 166,-170 150,16 C140,-18 132,-44 118,-66 Q96,-48 78,-74 Q52,-50 28,-78 "
        "Q0,-52 -28,-78 Q-52,-50 -78,-74 Q-96,-48 -118,-66 C-132,-44 -140,-18 -150,16 Z",
        "M-64,-112 Q-50,-96 -52,-84 M0,-124 L0,-92 M64,-112 Q50,-96 52,-84",
    ),
    "tuft": (
        "M-66,-108 Q-58,-160 -30,-146 Q-20,-196 10,-160 Q40,-190 42,-142 Q72,-150 66,-108 Q0,-78 -66,-108 Z",
        "M-14,-118 Q-10,-140 2,-150",
    ),
    "part": (
        "M0,-136 C-120,-150 -166,-60 -152,52 C-138,10 -130,-36 -96,-62 C-50,-74 -14,-100 0,-124 C14,-100 "
        "50,-74 96,-62 C130,-36 138,10 152,52 C166,-60 120,-150 0,-136 Z",
        "M-96,-92 C-120,-70 -134,-30 -138,0 M96,-92 C120,-70 134,-30 138,0",
    ),
    "curls": (
        "M-136,-20 A34,34 0 0 1 -126,-82 A40,40 0 0 1 -72,-132 A44,44 0 0 1 6,-148 A44,44 0 0 1 82,-128 "
        "A40,40 0 0 1 130,-78 A34,34 0 0 1 138,-16 A26,26 0 0 1 104,-56 A30,30 0 0 1 56,-84 A32,32 0 0 1 "
        "0,-88 A32,32 0 0 1 -58,-82 A30,30 0 0 1 -104,-54 A26,26 0 0 1 -136,-20 Z",
        "M-60,-110 a18,18 0 0 1 26,10 M24,-118 a18,18 0 0 1 26,12",
    ),
}


def fringe(build: Build, style: Style) -> str:
    if build.fringe == "none":
        return ""
    shape, bands = _FRINGES[build.fringe]
    return f'<path d="{shape}" {fill(style.palette.hair, style)}/><path d="{bands}" {stroke(style.palette.streak, 9)}/>'


def glasses(build: Build, style: Style) -> str:
    if not build.glasses:
        return ""
    r, pen = max(style.eye_rx * 1.42, 34), stroke(shade(style.palette.streak, 0.35), style.line * 0.8)
    ry = max(r, style.eye_ry * 1.18)
    rings = "".join(f'<ellipse cx="{s * style.eye_x:.1f}" cy="4" rx="{r:.1f}" ry="{ry:.1f}" {pen}/>' for s in (-1, 1))
    gap = style.eye_x - r
    bridge = f'<path d="M{-gap:.1f},0 Q0,-12 {gap:.1f},0" {pen}/>' if gap > 0 else ""
    return rings + bridge


def hat(build: Build, style: Style) -> str:
    palette = style.palette
    match build.hat:
        case "baker":
            puffs = "M-92,-112 C-150,-150 -128,-222 -66,-208 C-46,-250 46,-250 66,-208 C128,-222 150,-150 92,-112 Z"
            folds = (
                '<path d="M-40,-140 Q-48,-170 -40,-190 M4,-140 L4,-196 M48,-140 Q56,-170 46,-190" '
                f"{stroke('#d9cfc4', style.line * 0.6)}/>"
            )
            band = f'<path d="M-92,-126 Q0,-152 92,-126 L88,-92 Q0,-118 -88,-92 Z" {fill(palette.cloth, style)}/>'
            return (
                f'<g transform="translate(8 -24) rotate(6) scale(0.78)"><path d="{puffs}" '
                f"{fill('#fffaf2', style)}/>{folds}{band}</g>"
            )
        case "cap":
            return (
                '<path d="M-140,-72 C-146,-190 146,-190 140,-72 Q0,-120 -140,-72 Z" '
                f'{fill(palette.cloth, style)}/><path d="M-150,-66 Q0,-124 150,-66 Q0,-92 -150,-66 Z" '
                f"{fill(shade(palette.cloth, 0.3), style)}/>"
            )
        case "bow":
            return (
                '<g transform="translate(86 -112) rotate(18)"><path d="M0,0 L-52,-32 L-48,32 Z M0,0 '
                f'L52,-32 L48,32 Z" {fill(palette.cloth, style)}/><circle r="14" '
                f"{fill(shade(palette.cloth, 0.2), style)}/></g>"
            )
        case "flower":
            petals = "".join(
                f'<ellipse cy="-20" rx="13" ry="19" transform="rotate({a})" {fill(palette.cloth, style, 0.7)}/>'
                for a in range(0, 360, 72)
            )
            return f'<g transform="translate(92 -100)">{petals}<circle r="12" {fill("#ffd23e", style, 0.7)}/></g>'
        case _:
            return ""
