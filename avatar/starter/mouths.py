"""Draws one mouth of a pose: lines, open mouths, bared teeth, a tongue put out."""

from avatar.starter.expressions import Mouth
from avatar.starter.style import Style, points, stroke

INSIDE, TONGUE, TEETH = "#6b1230", "#ff7f93", "#fffdf8"


def draw_mouth(style: Style, pose: Mouth) -> str:
    """One mouth around (0, 0), in the character's ink; inside, tongue and teeth have the same colours on everyone."""
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
        case "lick" | "bleh":
            return _tongue_out(pose.form, w, style)


def _tongue_out(form: str, w: float, style: Style) -> str:
    """A smile licking its lips, or a crooked mouth with the tongue put out."""
    pen, unit = stroke(style.ink, style.line), style.mouth_width
    fill = f'stroke="{style.ink}" stroke-width="{style.line:.1f}" stroke-linejoin="round"'
    if form == "lick":
        tongue = (
            f'<path d="M{w * 0.3:.1f},6 Q{w * 0.42:.1f},{unit * 0.72:.1f} '
            f'{w * 0.72:.1f},{unit * 0.3:.1f} L{w * 0.78:.1f},-2 Z" fill="{TONGUE}" {fill}/>'
        )
        return f'{tongue}<path d="M{-w:.1f},-8 Q0,{unit * 0.6:.1f} {w:.1f},-12" {pen}/>'
    tongue = (
        f'<path d="M-13,-4 L-13,{unit * 0.55:.1f} Q2,{unit * 0.95:.1f} 17,{unit * 0.55:.1f} '
        f'L17,-4 Z" fill="{TONGUE}" {fill}/>'
    )
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
    path = (
        f"M{-w:.1f},{depth * 0.8:.1f} C{-w * 0.85:.1f},{-depth * 0.75:.1f} "
        f"{-w * 0.4:.1f},{-depth * 0.8:.1f} 0,{-depth * 0.8:.1f} "
    )
    path += (
        f"C{w * 0.4:.1f},{-depth * 0.8:.1f} {w * 0.85:.1f},{-depth * 0.75:.1f} "
        f"{w:.1f},{depth * 0.8:.1f} Q0,{depth * 0.5:.1f} {-w:.1f},{depth * 0.8:.1f} Z"
    )
    teeth = (
        f'<path d="M{-w:.1f},{-depth:.1f} L{w:.1f},{-depth:.1f} L{w:.1f},{-depth * 0.42:.1f} '
        f'L{-w:.1f},{-depth * 0.42:.1f} Z" fill="{TEETH}"/>'
    )
    tongue = f'<ellipse cy="{depth * 0.82:.1f}" rx="{w * 0.5:.1f}" ry="{depth * 0.46:.1f}" fill="{TONGUE}"/>'
    return _lined(path, teeth + tongue, fill)


def _lined(path: str, inside: str, fill: str) -> str:
    clip = f'<clipPath id="mouth"><path d="{path}"/></clipPath>'
    return (
        f'{clip}<path d="{path}" fill="{INSIDE}"/><g clip-path="url(#mouth)">{inside}</g><path '
        f'd="{path}" fill="none" {fill}/>'
    )


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
    between = points([(x, (a + b) / 2) for (x, a), (_, b) in zip(top, low, strict=True)])
    middle = f'<polyline points="{between}" {stroke(style.palette.line, style.line * 0.5)}/>'
    return f'<polygon points="{shape}" fill="{TEETH}"/>{bars}{middle}<polygon points="{shape}" fill="none" {fill}/>'
