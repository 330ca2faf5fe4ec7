"""Draws a `Face` (a pose) as SVG in one character's style: everything an expression may change.

What is drawn here depends only on the style and the pose, never on chance: a painter can know it from the base picture.
"""

from avatar.starter.expressions import Brow, Face
from avatar.starter.eyes import draw_eye
from avatar.starter.mouths import draw_mouth
from avatar.starter.signs import signs
from avatar.starter.style import Style, stroke

BENEATH = ("gloom",)


def under_hair(style: Style, face: Face) -> str:
    """What an expression changes beneath hair, hat and glasses."""
    return "".join(
        (
            _blush(style, face.blush),
            signs(style, [sign for sign in face.signs if sign in BENEATH]),
            draw_eye(style, face.left, -1),
            draw_eye(style, face.right, 1),
            f'<g transform="translate({style.mouth_shift:.1f} {style.mouth_y:.1f})">',
            draw_mouth(style, face.mouth),
            "</g>",
        )
    )


def over_hair(style: Style, face: Face) -> str:
    """What shows through the hair, as cartoons have it: brows and signs."""
    brows = _brow(style, face.brow_left, -1) + _brow(style, face.brow_right, 1)
    return brows + signs(style, [sign for sign in face.signs if sign not in BENEATH])


def _blush(style: Style, amount: float) -> str:
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
                    f'<path d="M{cx + 4:.1f},{y - 8:.1f} L{cx - 4:.1f},{y + 8:.1f}" '
                    f"{stroke(style.ink, style.line * 0.55)}/>"
                )
    return "".join(parts)


def _brow(style: Style, brow: Brow, side: int) -> str:
    half, ry = style.brow_length / 2, style.eye_ry
    y = -ry - style.brow_gap - brow.rise * ry * 0.62
    tilt = brow.slant * half * 0.62
    path = f"M{-half:.1f},{tilt:.1f} Q0,{-brow.arch * half * 0.55:.1f} {half:.1f},{-tilt:.1f}"
    place = f"translate({side * style.eye_x:.1f} {y:.1f}) scale({side} 1)"
    return f'<path transform="{place}" d="{path}" {stroke(style.ink, style.brow_weight)}/>'
