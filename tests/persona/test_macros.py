import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona.macros import MOST_CHARACTERS, Macros
from persona.macrowords import Known, volatile

NOON = datetime(2026, 11, 22, 14, 5, 9, tzinfo=UTC)
KNOWN = Known(
    char="Pip",
    user="Robin",
    others=("Juno",),
    persona="A tall knight.",
    fields={"description": "{{char}} is a {{personality}} owl.", "personality": "shy", "scenario": ""},
    original="You are Pip.",
    last_message="hi\nPip: evil",
    last_user="hi",
    outlets={"map": "A map."},
    now=NOON,
    idle=400.0,
    seed=3,
    chat="c",
)


def filled(text: str, known: Known = KNOWN) -> str:
    return Macros(known).fill(text, "here")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{{user}} meets {{char}}.", "Robin meets Pip."),
        ("<USER> <user> <BOT> <Char>", "Robin Robin Pip Pip"),
        ("{{ USER }}{{Char}}", "RobinPip"),
        ("{{group}} / {{notChar}} / {{charIfNotGroup}}", "Pip, Juno / Juno, Robin / Pip, Juno"),
        ("{{persona}} {{original}}", "A tall knight. You are Pip."),
        ("{{description}}", "Pip is a shy owl."),
        ("{{lastMessage}}|{{lastUserMessage}}|{{input}}|{{lastCharMessage}}", "hi Pip: evil|hi|hi|"),
        ("{{outlet::map}}{{outlet::none}}", "A map."),
        ("{{time}}, {{date}}, {{weekday}}", "2:05 PM, November 22, 2026, Sunday"),
        ("{{isotime}} {{isodate}}", "14:05 2026-11-22"),
        ("{{datetimeformat dddd, Do MMMM YYYY [at] HH:mm:ss}}", "Sunday, 22nd November 2026 at 14:05:09"),
        ("{{datetimeformat::DD.MM.YY h:mm a}}", "22.11.26 2:05 pm"),
        ("{{time_UTC+2}} {{time::UTC-03:30}} {{time_utc-4}}", "4:05 PM 10:35 AM 10:05 AM"),
        ("{{idle_duration}}", "7 minutes"),
        ("{{timeDiff::2026-01-03::2026-01-01}}", "in 2 days"),
        ("{{timeDiff::2026-01-01 10:00::2026-01-01 11:00}}", "an hour ago"),
        ("a{{// {{setvar::x::1}} all :: this }}b{{getvar::x}}", "ab"),
        ("{{comment: x}}{{hidden_key: y}}{{noop}}{{banned \"z\"}}.", "."),
        ("{{reverse:abc}}{{reverse::a{{char}}}}", "cbapiPa"),
        ("a\n\n{{trim}}\n\nb", "ab"),
        ("a{{newline}}b{{newline::2}}c{{space::3}}d", "a\nb\n\nc   d"),
        ("{{setvar::m::x y}}{{getvar::m}}{{addvar::m::!}}{{getvar m}}", "x yx y!"),
        ("{{addvar::n::2}}{{incvar::n}}{{decvar n}}{{flushvar n}}{{varexists n}}", "32false"),
        ("{{setglobalvar::g::1}}{{getvar::g}}{{getglobalvar::g}}{{hasvar::g}}{{hasglobalvar::g}}", "1falsetrue"),
        ("{{setvar back}}\n  a\n  b\n{{/setvar}}{{getvar::back}}", "a\nb"),
        ("{{if description}}D{{else}}E{{/if}}{{if scenario}}S{{else}}N{{/if}}", "DN"),
        ("{{if !scenario}}none{{/if}}{{if {{getvar::no}}}}x{{/if}}{{if off}}y{{/if}}{{if::1::y::n}}", "noney"),
        ("{{if 0}}{{setvar::z::1}}{{if 1}}q{{else}}r{{/if}}{{else}}ok{{/if}}{{getvar::z}}", "ok"),
        ("{{if 1}}\n  # Head\n    in\n{{/if}}", "# Head\n  in"),
        (r"\{\{char\}\}", "{{char}}"),
        ("{{}} {{ open }} }} {{", "{{}} {{ open }} }} {{"),
        ("{{nope::{{char}}::x}}", "{{nope::Pip::x}}"),
        ("plain { text } stays", "plain { text } stays"),
    ],
)  # fmt: skip
def test_a_macro_becomes_what_the_community_means(text: str, says: str) -> None:
    assert filled(text) == says


def test_unknown_macros_stay_and_are_told_once() -> None:
    macros = Macros(KNOWN)
    assert (
        macros.fill("{{img}} {{char}} {{IMG}} {{roll:many}} {{if a}}open")
        == "{{img}} Pip {{IMG}} {{roll:many}} {{if a}}open"
    )
    assert macros.unknown == ["img", "roll", "if"]


def test_chance_goes_with_the_seed_and_a_pick_stays() -> None:
    text = "{{random::a::b::c::d}}{{random:e,f\\,g,h}}{{roll:3d6+1}}"
    picks = "{{pick::a::b::c::d}} {{pick a,b,c,d}}"

    def known(seed: int, chat: str = "c") -> Macros:
        return Macros(Known(char="Pip", seed=seed, chat=chat))

    assert len({known(seed).fill(text) for seed in range(50)}) > 20
    assert {known(4).fill(text) for _ in range(5)} == {known(4).fill(text)}
    assert len({known(seed).fill(picks) for seed in range(50)}) == 1
    assert len({known(1, chat=str(chat)).fill(picks) for chat in range(50)}) > 8
    assert len({known(1).fill(picks, f"text {number}") for number in range(50)}) > 8
    drawn = {known(seed).fill("{{random:e,f\\,g,h}}") for seed in range(50)}
    assert drawn == {"e", "f,g", "h"}
    rolls = {int(known(seed).fill("{{roll:2d6+1}}")) for seed in range(300)}
    assert rolls == set(range(3, 14))
    assert {known(seed).fill("{{roll 1}}{{roll d1}}") for seed in range(5)} == {"11"}


def test_what_came_out_is_never_read_again() -> None:
    evil = Known(char="Pip", user="{{setvar::a::b}}{{char}}", last_user="<BOT>{{random::x}}", fields={"scenario": "s"})
    macros = Macros(evil)
    assert macros.fill("{{user}}|{{input}}|{{getvar::a}}") == "{{setvar::a::b}}{{char}}|<BOT>{{random::x}}|"
    assert macros.fill("{{ {{user}} }}") == "{{ {{setvar::a::b}}{{char}} }}"
    assert macros.fill("{{random::{{user}}}}") == "{{setvar::a::b}}{{char}}"


def test_a_field_that_shows_itself_ends() -> None:
    round_and_round = Known(char="Pip", fields={"description": "d{{personality}}", "personality": "p{{description}}"})
    assert Macros(round_and_round).fill("{{description}}").count("d") <= 3


BOMBS = {
    "nested": "{{" * 10_000 + "}}" * 10_000,
    "named nests": "{{if {{random::" * 10_000,
    "never closed": "{{a" * 50_000,
    "laughs": "{{setvar::a::ha}}" + "{{setvar::a::{{getvar::a}}{{getvar::a}}}}" * 60 + "{{getvar::a}}" * 5000,
    "fan-out": "{{description}}" * 3000,
    "long head": "{{x {{user}}" + "{{user}}" * 20_000,
    "open ifs": "{{if 1}}" * 5000,
    "elses": "{{if 0}}{{else}}" * 5000 + "{{/if}}" * 5000,
    "trims": "{{trim}}" * 20_000,
    "comments": "{{//" * 20_000,
    "names": "<user>" * 50_000,
    "options": "{{random:" + "a," * 100_000 + "}}",
    "blanks": "{{" + " " * 200_000 + "!" * 1000,
    "dice": "{{roll:999999999d99999999999999999}}" * 1000,
    "blanks asked for": "{{newline::999}}" * 50_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_no_text_takes_long_or_grows_without_end(name: str) -> None:
    known = Known(
        char="Pip", user="u" * 50, fields={"description": "{{personality}}" * 3000, "personality": "p" * 3000}
    )
    start = time.process_time()
    text = Macros(known).fill(BOMBS[name])
    assert len(text) <= len(BOMBS[name]) + MOST_CHARACTERS
    assert time.process_time() - start < 4  # a tenth of it where nothing else runs


PIECES = st.sampled_from(
    [
        "{{",
        "}}",
        "::",
        ":",
        "/",
        "if",
        "else",
        "setvar",
        "getvar",
        "a",
        " ",
        "random",
        "//",
        "<user>",
        "\n",
        "trim",
        "char",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=40).map("".join) | st.text())
def test_any_text_comes_back_and_the_same_one_twice(text: str) -> None:
    assert filled(text) == filled(text)
    if "{" not in text and "<" not in text and "\\" not in text:
        assert filled(text) == text


def test_what_changes_with_every_reply_is_known() -> None:
    for text in (
        "{{time}}",
        "It is {{ TIME_UTC+2 }}",
        "{{idle_duration}}",
        "{{lastMessage}}",
        "{{incvar::n}}",
        "{{isotime}}",
    ):
        assert volatile(text), text
    for text in ("{{char}}", "{{date}}", "{{random::a::b}}", "timeless {time}", "{{timer}}", "{{getvar::time}}"):
        assert not volatile(text), text
