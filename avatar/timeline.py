"""The picture of `/mood`: how a character felt over the last turns, which faces it wore, and what it feels now.

Three rows under a heading, one column a turn: the feelings as bands (avatar/bands.py), the faces of the character's
replies, and who spoke. It carries a card of its own, so it is at home on dark and on light pages. Type is large enough
to be read where the picture is shown 400 pixels wide, as on phones. It knows no Discord, no database and no persona.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image, ImageDraw

from avatar.bands import Band, bands, room_for_words
from avatar.lettering import Lettering
from avatar.palette import THEMES, Rgb, Theme, colour, ink_on, rim, written
from avatar.retelling import beside, feeling, lasted
from avatar.speakers import Speakers
from emotion.labels import NEUTRAL
from emotion.mood import Mood

if TYPE_CHECKING:
    from emotion.mood import Moment

ThemeName = Literal["dark", "light"]
Point = tuple[float, float]

SIZE = (1200, 820)  # pixels; about the shape that Discord shows largest
MOST = 24  # turns shown
FINE = 2  # drawn so many times larger, then made smaller: smooth edges
LEFT, RIGHT = 92, 1156  # of the rows
HEAD_TOP, HEAD_FACE = 40, 172
CHART_TOP, CHART_BOTTOM = 250, 536
FACES, LARGEST_FACE = 612, 124  # middle of their row; diameter
BUBBLES, LARGEST_BUBBLE = 712, 58
NAMES, LEGENDS = 777, 3  # middle of the row of names; emotions listed beside the heading
BIG, MIDDLE, SMALL, LABEL = 88.0, 42.0, 35.0, 31.0  # type
LEAST_LABELLED = 26  # pixels: thinner bands have no label
RIM = 4  # of a band
LEAST_SPAN = 0.35  # of a mood: the chart is not magnified beyond this
QUIET_SECONDS = 300.0  # after so long a silence, now has a column of its own
GAP_SECONDS = 3600.0  # a pause this long is marked


def draw(
    moments: Sequence["Moment"],
    faces: Mapping[str, Image.Image],
    *,
    name: str,
    felt: Mood | None = None,
    worn: str = "",
    theme: ThemeName = "dark",
    size: tuple[int, int] = SIZE,
    lettering: Lettering | None = None,
) -> Image.Image:
    """The picture, "RGBA" with transparent corners. Of more than MOST moments the newest are drawn; none will do.

    faces: a square picture for each expression, whatever is there. name: the character's. felt: the mood of now, if it
    has changed since the last moment. worn: the expression before the character said anything.
    """
    shown = list(moments)[-MOST:]
    known = columns(shown, felt)
    mood = felt or (known[-1][1] if known else Mood.neutral())
    scene = _Scene(shown, faces, name, known, mood, worn, THEMES[theme], lettering or Lettering())
    return scene.picture().resize(size, Image.Resampling.LANCZOS)


def columns(moments: Sequence["Moment"], felt: Mood | None) -> list[tuple[float, Mood]]:
    """What the bands show, as (unix seconds, mood): a column a turn, and one for now where that is another mood."""
    known = [(moment.at, moment.mood) for moment in moments]
    if felt is None or (known and felt.at - known[-1][0] < QUIET_SECONDS):
        return known
    before = known[-1][1] if known else Mood.neutral()
    return known if felt.weights == before.weights else [*known, (felt.at, felt)]


@dataclass
class _Scene:
    """One picture in the making, in pixels of SIZE; `_at` makes them fine ones."""

    moments: Sequence["Moment"]
    faces: Mapping[str, Image.Image]
    name: str
    columns: Sequence[tuple[float, Mood]]
    mood: Mood  # of now
    worn: str
    theme: Theme
    type: Lettering

    def picture(self) -> Image.Image:
        self.image = Image.new("RGBA", (SIZE[0] * FINE, SIZE[1] * FINE), (0, 0, 0, 0))
        self.pen = ImageDraw.Draw(self.image)
        card = _at((2, 2, SIZE[0] - 3, SIZE[1] - 3))
        self.pen.rounded_rectangle(card, 40 * FINE, fill=self.theme.card, outline=self.theme.edge, width=3 * FINE)
        if self.columns:
            taken = self._chart()
            self._heading(RIGHT - taken)
            self._faces_worn()
            self._speakers()
        else:
            self._nothing_yet()
        return self.image

    # --- the heading ----------------------------------------------------------------------------------------------

    def _heading(self, right: float) -> None:
        """The face of now and what is felt; whose it is, up to `right`."""
        leading = self.mood.leading
        self._face((LEFT - 44 + HEAD_FACE / 2, HEAD_TOP + HEAD_FACE / 2), HEAD_FACE, self._newest_face(), leading)
        left = LEFT - 44 + HEAD_FACE + 34
        tone = self.theme.ink if leading == NEUTRAL else written(leading, self.theme)
        self._write((left, HEAD_TOP + 20), self._whose(right - left), MIDDLE, self.theme.muted)
        large = min(BIG, BIG * (right - left) / self.type.length(feeling(leading), BIG))
        self._write((left - 3, HEAD_TOP + 82), feeling(leading), large, tone, bold=True)
        self._write((left, HEAD_TOP + 154), beside(self.mood), SMALL, self.theme.muted)

    def _whose(self, width: float) -> str:
        """The words before the feeling, with as much of the name as there is room for."""
        verb = " is" if self.mood.leading == NEUTRAL else " feels"
        room = width - self.type.length(verb, MIDDLE)
        return self.type.fitted(self.type.legible(self.name) or "The character", MIDDLE, room) + verb

    def _newest_face(self) -> str:
        return next((one.expression for one in reversed(self.moments) if one.expression), self.worn)

    def _nothing_yet(self) -> None:
        middle = SIZE[0] / 2
        self._face((middle, 250), 330, self.worn, NEUTRAL)
        self._write((middle, 500), f"{self._whose(800)} calm", 64, self.theme.ink, anchor="mm", bold=True)
        self._write((middle, 590), "Nothing was said here yet.", 44, self.theme.muted, anchor="mm")
        self._write((middle, 650), "Say hello, and watch this change.", 44, self.theme.muted, anchor="mm")

    # --- the bands ------------------------------------------------------------------------------------------------

    def _chart(self) -> float:
        """The bands; returns the width that their legend takes beside the heading."""
        drawn = bands([mood for _, mood in self.columns], (RIGHT - LEFT) * FINE)
        top = max([LEAST_SPAN * 0.3, *(band.outer.max() for band in drawn if band.is_above)])
        bottom = min([-LEAST_SPAN * 0.3, *(band.outer.min() for band in drawn if not band.is_above)])
        scale = (CHART_BOTTOM - CHART_TOP) / max(top - bottom, LEAST_SPAN)
        calm = CHART_TOP + top * scale
        self._pauses()
        for band in drawn:
            self._band(band, calm, scale)
        if not drawn:
            self._write(((LEFT + RIGHT) / 2, calm - 26), "calm all along", SMALL, self.theme.muted, anchor="mm")
        self.pen.line(_at((LEFT, calm, RIGHT, calm)), fill=self.theme.ink, width=2 * FINE)
        self._smile(CHART_TOP + 24, pleased=True)
        self._smile(CHART_BOTTOM - 24, pleased=False)
        taken = list[tuple[int, ...]]()
        unnamed = [band for band in drawn if not self._name_band(band, calm, scale, taken)]
        return self._legend([band.emotion for band in unnamed if not self._label(band, calm, scale, taken)])

    def _band(self, band: Band, calm: float, scale: float) -> None:
        along = np.arange(len(band.inner)) + LEFT * FINE
        inner, outer = ((calm - edge * scale) * FINE for edge in (band.inner, band.outer))
        within = outer + np.clip(inner - outer, -RIM * FINE, RIM * FINE)
        for edge, tone in ((outer, rim(band.emotion, self.theme)), (within, colour(band.emotion, self.theme))):
            there = zip(along.tolist(), edge.tolist(), strict=True)
            back = zip(along[::-1].tolist(), inner[::-1].tolist(), strict=True)
            self.pen.polygon([*there, *back], fill=tone)

    def _name_band(self, band: Band, calm: float, scale: float, taken: list[tuple[int, ...]]) -> bool:
        """Write the emotion's name inside its band; False where there is no room for it. taken: boxes of words."""
        word = feeling(band.emotion)
        middle, low, high = room_for_words(band, round((self.type.length(word, SMALL) + 16) * FINE))
        if (high - low) * scale < SMALL * 1.1:
            return False
        place = LEFT + middle / FINE, calm - (low + high) / 2 * scale
        self._write(place, word, SMALL, ink_on(colour(band.emotion, self.theme)), anchor="mm")
        taken.append(self._box(place, word, SMALL))
        return True

    def _label(self, band: Band, calm: float, scale: float, taken: list[tuple[int, ...]]) -> bool:
        """A label on the thickest place of a band that is too narrow for its name; False where other words are."""
        thick = np.abs(band.outer - band.inner)
        best = int(thick.argmax())
        word = feeling(band.emotion)
        half = self.type.length(word, LABEL) / 2 + 12
        x = min(max(LEFT + best / FINE, LEFT + half), RIGHT - half)
        y = calm - (band.inner[best] + band.outer[best]) / 2 * scale
        box = self._box((x, y), word, LABEL)
        if thick[best] * scale < LEAST_LABELLED or any(_overlap(box, other) for other in taken):
            return False
        taken.append(box)
        tone = colour(band.emotion, self.theme)
        self.pen.rounded_rectangle(box, 12 * FINE, fill=tone, outline=rim(band.emotion, self.theme), width=2 * FINE)
        self._write((x, y), word, LABEL, ink_on(tone), anchor="mm")
        return True

    def _box(self, middle: Point, word: str, size: float) -> tuple[int, ...]:
        """Around a word and a little more, in fine pixels."""
        (x, y), half = middle, self.type.length(word, size) / 2 + 12
        return _at((x - half, y - size * 0.7, x + half, y + size * 0.7))

    def _legend(self, emotions: Sequence[str]) -> float:
        """The names of bands too small for them, beside the heading; returns the width taken."""
        shown = emotions[:LEGENDS]
        wide = max((self.type.length(feeling(emotion), SMALL) + 40 for emotion in shown), default=0.0)
        for number, emotion in enumerate(shown):
            x, y = RIGHT - wide, HEAD_TOP + 22 + number * 46
            self.pen.rounded_rectangle(_at((x, y - 12, x + 24, y + 12)), 6 * FINE, fill=colour(emotion, self.theme))
            self._write((x + 38, y), feeling(emotion), SMALL, self.theme.muted)
        return wide + 40 if shown else 0.0

    def _pauses(self) -> None:
        """A broken line where the conversation rested for an hour or longer."""
        for number, (before, after) in enumerate(pairwise(self.columns), 1):
            if after[0] - before[0] >= GAP_SECONDS:
                x = LEFT + number * self._column
                for y in range(CHART_TOP, CHART_BOTTOM, 14):
                    self.pen.line(_at((x, y, x, y + 7)), fill=self.theme.line, width=3 * FINE)

    def _smile(self, y: float, *, pleased: bool) -> None:
        """What is up and what is down, in no language."""
        x, r = LEFT - 34, 19
        self.pen.ellipse(_at((x - r, y - r, x + r, y + r)), outline=self.theme.muted, width=3 * FINE)
        for eye in (-6, 6):
            self.pen.ellipse(_at((x + eye - 2.5, y - 8, x + eye + 2.5, y - 3)), fill=self.theme.muted)
        mouth = (x - 10, y - 8, x + 10, y + 11) if pleased else (x - 10, y + 5, x + 10, y + 24)
        self.pen.arc(_at(mouth), *((25, 155) if pleased else (205, 335)), fill=self.theme.muted, width=3 * FINE)

    # --- who and with which face ----------------------------------------------------------------------------------

    @property
    def _column(self) -> float:
        return (RIGHT - LEFT) / len(self.columns)

    def _middle(self, number: int) -> float:
        return LEFT + (number + 0.5) * self._column

    def _faces_worn(self) -> None:
        own = [number for number, moment in enumerate(self.moments) if moment.own]
        apart = min((after - before for before, after in pairwise(own)), default=2)
        last = max(own, default=0)
        across = min(LARGEST_FACE, apart * self._column - 8, 2 * (SIZE[0] - 20 - self._middle(last)))
        for number in own:
            moment = self.moments[number]
            self._face((self._middle(number), FACES), across, moment.expression or "", moment.mood.leading)

    def _face(self, middle: Point, across: float, expression: str, emotion: str) -> None:
        """A round face in a ring of the emotion's colour; without a picture, the character's initial."""
        box = _at(_around(middle, across))
        ring = colour(emotion, self.theme)
        self.pen.ellipse(box, fill=ring)
        inside = _at(_around(middle, across - max(8, across * 0.07)))
        picture = self.faces.get(expression)
        if picture is None:
            self._bubble(middle, across - 8, self.type.legible(self.name)[:1].upper())
            return
        side = inside[2] - inside[0]
        round_ = Image.new("L", (side, side))
        ImageDraw.Draw(round_).ellipse((0, 0, side - 1, side - 1), fill=255)
        face = Image.new("RGBA", (side, side), (255, 255, 255))
        face.alpha_composite(picture.convert("RGBA").resize((side, side), Image.Resampling.LANCZOS))
        self.image.paste(face, (inside[0], inside[1]), round_)

    def _speakers(self) -> None:
        """A bubble with an initial for every message, and whose initials they are."""
        known = Speakers([moment.name for moment in self.moments if not moment.own], self.type)
        across = min(LARGEST_BUBBLE, self._column - 6)
        for number, moment in enumerate(self.moments):
            if not moment.own:
                self._bubble((self._middle(number), BUBBLES), across, known.initials[moment.name])
        time = lasted(self.columns[-1][0] - self.columns[0][0])
        self._write((RIGHT, NAMES), time, SMALL, self.theme.muted, anchor="rm")
        end = RIGHT - self.type.length(time, SMALL)
        x = float(LEFT)
        for name, initials in known.initials.items():
            shown = self.type.fitted(known.names[name], SMALL, 300)
            if x + 56 + self.type.length(shown, SMALL) > end - 30:
                break
            self._bubble((x + 22, NAMES), 44, initials)
            self._write((x + 56, NAMES), shown, SMALL, self.theme.muted)
            x += 56 + self.type.length(shown, SMALL) + 34

    def _bubble(self, middle: Point, across: float, letters: str) -> None:
        self.pen.ellipse(_at(_around(middle, across)), fill=self.theme.edge)
        self._write(middle, letters, across * (0.64 if len(letters) < 2 else 0.5), self.theme.ink, anchor="mm")

    def _write(self, place: Point, text: str, size: float, ink: Rgb, *, anchor: str = "lm", bold: bool = False) -> None:
        font = self.type.font(text, size * FINE)
        x, y = place
        self.pen.text((x * FINE, y * FINE), text, ink, font, anchor=anchor, stroke_width=FINE if bold else 0)


def _at(box: tuple[float, ...]) -> tuple[int, ...]:
    return tuple(round(part * FINE) for part in box)


def _around(middle: Point, across: float) -> tuple[float, float, float, float]:
    x, y = middle
    return x - across / 2, y - across / 2, x + across / 2, y + across / 2


def _overlap(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Do two boxes (left, top, right, bottom) share a place?"""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
