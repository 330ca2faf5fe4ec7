"""The picture of `/mood`: what is on it, pixel by pixel, for conversations of every shape."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from PIL import Image

from avatar.lettering import Lettering
from avatar.palette import THEMES, Rgb, colour
from avatar.picture import to_small_png
from avatar.timeline import CHART_BOTTOM, CHART_TOP, FACES, LEFT, MOST, RIGHT, SIZE, ThemeName, columns, draw
from emotion.mood import Moment, Mood
from tests.avatar.moments import mood_of, talk, talks

BARE = Lettering(system=())
FACE_COLOURS = {"joy": (250, 0, 250), "anger": (0, 250, 250)}
FACES_AT_HAND = {name: Image.new("RGB", (96, 96), tone) for name, tone in FACE_COLOURS.items()}
QUARREL = talk(
    ("Robin", {"joy": 0.8, "neutral": 0.2}, None),
    ("Dot", {"joy": 0.9, "neutral": 0.1}, "joy"),
    ("Jo", {"anger": 0.8, "neutral": 0.2}, None),
    ("Dot", {"anger": 0.9, "neutral": 0.1}, "anger"),
)


def picture(moments: list[Moment], theme: ThemeName = "dark", felt: Mood | None = None) -> Image.Image:
    return draw(moments, FACES_AT_HAND, name="Dot", felt=felt, worn="joy", theme=theme, lettering=BARE)


def holds(image: Image.Image, tone: Rgb, box: tuple[float, float, float, float]) -> int:
    """How many pixels of a part have a colour, or nearly."""
    pixels = np.asarray(image.convert("RGB").crop(tuple(round(side) for side in box)), int)
    return int((np.abs(pixels - tone).max(-1) <= 6).sum())


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_feelings_stand_above_and_below_the_line_at_their_turns(theme: ThemeName) -> None:
    image, middle = picture(QUARREL, theme), (LEFT + RIGHT) / 2
    joy, anger = (colour(name, THEMES[theme]) for name in ("joy", "anger"))
    upper, lower = (CHART_TOP, (CHART_TOP + CHART_BOTTOM) / 2 - 12), ((CHART_TOP + CHART_BOTTOM) / 2 + 12, CHART_BOTTOM)
    assert holds(image, joy, (LEFT, upper[0], middle - 140, upper[1])) > 20_000
    assert holds(image, anger, (middle + 140, lower[0], RIGHT, lower[1])) > 20_000
    assert not holds(image, joy, (LEFT, lower[0], RIGHT, lower[1]))
    assert not holds(image, anger, (LEFT, upper[0], RIGHT, upper[1]))


def test_each_reply_wears_its_face_and_the_newest_one_is_large() -> None:
    image = picture(QUARREL)
    column = (RIGHT - LEFT) / 4
    for number, name in ((1, "joy"), (3, "anger")):
        left = LEFT + number * column
        row = (left, FACES - 60, left + column, FACES + 60)
        assert holds(image, FACE_COLOURS[name], row) > 6_000
        assert not any(holds(image, tone, row) for other, tone in FACE_COLOURS.items() if other != name)
    assert holds(image, FACE_COLOURS["anger"], (0, 0, 260, 230)) > 15_000


def test_it_is_a_card_with_clear_corners_on_its_own_ground() -> None:
    for theme in ("dark", "light"):
        image = picture(QUARREL, theme)
        assert (image.mode, image.size) == ("RGBA", SIZE)
        corners = [(x, y) for x in (0, SIZE[0] - 1) for y in (0, SIZE[1] - 1)]
        assert all(image.getpixel(corner)[3] == 0 for corner in corners)
        assert image.getpixel((SIZE[0] // 2, 12)) == (*THEMES[theme].card, 255)


def test_before_anything_was_said_it_is_a_kind_face() -> None:
    image = picture([])
    assert holds(image, FACE_COLOURS["joy"], (400, 60, 800, 440)) > 50_000
    assert holds(image, THEMES["dark"].ink, (200, 460, 1000, 560)) > 500


def test_only_the_newest_turns_are_drawn() -> None:
    long = QUARREL * 20
    assert picture(long).tobytes() == picture(long[-MOST:]).tobytes()
    assert picture(long).tobytes() != picture(long[-MOST + 1 :]).tobytes()


def test_a_silence_that_calmed_the_mood_has_a_column_of_its_own() -> None:
    at, mood = QUARREL[-1].at, QUARREL[-1].mood
    calmer = mood_of(at + 3600, anger=0.2, neutral=0.8)
    assert len(columns(QUARREL, None)) == 4
    assert len(columns(QUARREL, mood_of(at + 60, anger=0.8, neutral=0.2))) == 4, "only a minute"
    assert len(columns(QUARREL, Mood(mood.weights, mood.leading, at + 3600))) == 4, "nothing changed"
    assert columns(QUARREL, calmer)[-1] == (at + 3600, calmer)
    image = picture(QUARREL, felt=calmer)
    assert image.tobytes() != picture(QUARREL).tobytes()
    assert columns([], mood_of(joy=1.0)) == [(0.0, mood_of(joy=1.0))], "remembered, though its turns are not"


def test_a_persona_without_pictures_is_its_initial() -> None:
    image = draw(QUARREL, {}, name="Dot", worn="joy", lettering=BARE)
    assert not any(holds(image, tone, (0, 0, *SIZE)) for tone in FACE_COLOURS.values())
    assert holds(image, THEMES["dark"].edge, (40, 40, 230, 220)) > 5_000


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(talks())
def test_any_conversation_can_be_drawn_small(moments: list[Moment]) -> None:
    image = draw(moments, FACES_AT_HAND, name="Dot", worn="joy", size=(300, 205), lettering=BARE)
    assert image.size == (300, 205)


def test_it_becomes_a_small_file_that_looks_the_same() -> None:
    image = picture(QUARREL)
    small = Image.open(BytesIO(to_small_png(image))).convert("RGBA")
    assert len(to_small_png(image)) < 150_000
    ours, theirs = (np.asarray(one, int) for one in (image, small))
    assert (theirs[..., 3] == np.where(ours[..., 3] < 128, 0, 255)).all()
    inside = ours[..., 3] == 255
    assert np.abs(ours - theirs)[inside].mean() < 1
