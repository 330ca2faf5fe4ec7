"""Names of every kind on a picture: never a box, never a question mark that nobody wrote."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ImageFont

from avatar.lettering import Lettering
from avatar.speakers import Speakers

SLOWLY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
BARE = Lettering(system=())  # a machine without any fonts


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Robin", "Robin"),
        ("  Robin \n Hood\t", "Robin Hood"),
        ("Jörg Müßig", "Jorg Mussig"),
        ("Łukasz Ærø", "Lukasz AEro"),
        ("𝓡𝓸𝓫𝓲𝓷", "Robin"),
        ("Ｒｏｂｉｎ", "Robin"),
        ("Robin 🌸✨", "Robin"),
        ("🌸👩🏽‍🚀❤️", ""),
        ("Юки", ""),
        ("雪", ""),
        ("محمد", ""),
        ("\x00\x1b\u202e\u200b", ""),
        ("", ""),
        ("what?", "what?"),
    ],
)
def test_without_fonts_a_name_becomes_what_there_are_letters_for(written: str, shown: str) -> None:
    assert BARE.legible(written) == shown


@SLOWLY
@given(st.text(max_size=40))
def test_whatever_is_legible_has_letters_in_the_font(text: str) -> None:
    shown = BARE.legible(text)
    missing = bytes(ImageFont.load_default(20).getmask("\uffff"))
    for letter in shown.replace(" ", ""):
        assert bytes(BARE.font(shown, 20).getmask(letter)) != missing
    assert shown == " ".join(shown.split())
    assert BARE.legible(shown) == shown


@SLOWLY
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1), st.integers(40, 400))
def test_what_is_fitted_fits_and_begins_as_it_did(text: str, width: int) -> None:
    text = BARE.legible(text) or "x"
    fitted = BARE.fitted(text, 20, width)
    assert BARE.length(fitted, 20) <= width
    assert fitted == text or (fitted.endswith("…") and text.startswith(fitted[:-1]))


def test_a_font_of_the_machine_is_asked_for_what_pillow_cannot_write() -> None:
    try:
        ImageFont.truetype("DejaVuSans.ttf", 20)
    except OSError:
        pytest.skip("this machine has no DejaVu Sans")
    rich = Lettering(system=("No Such Font.ttf", "DejaVuSans.ttf"))
    assert rich.legible("Юки") == "Юки" and rich.legible("Jörg") == "Jörg"
    assert rich.font("Юки", 20).getname()[0] == "DejaVu Sans"
    assert rich.font("Robin", 20).getname() == BARE.font("Robin", 20).getname()


def test_people_are_told_apart_by_one_letter_or_two_else_by_number() -> None:
    known = Speakers(["Robin", "Jo", "robert", "Robin", "ROBIN", "雪", "🌸", "R2"], BARE)
    assert known.initials == {
        "Robin": "R",
        "Jo": "J",
        "robert": "Ro",
        "ROBIN": "4",
        "雪": "5",
        "🌸": "6",
        "R2": "R2",
    }
    assert [known.names[name] for name in ("Robin", "雪", "🌸")] == ["Robin", "member 5", "member 6"]


@SLOWLY
@given(st.lists(st.text("Ab12 ", max_size=3) | st.text(max_size=4), max_size=30))
def test_nobody_shares_initials(names: list[str]) -> None:
    known = Speakers(names, BARE)
    assert len(set(known.initials.values())) == len(set(names))
    assert all(known.initials.values()) and all(known.names.values())
