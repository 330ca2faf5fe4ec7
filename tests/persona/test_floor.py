"""The floor, as tables: what is thrown away and by which name, and what must pass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona.card import Card, Example
from persona.expression import Expression
from persona.floor import Fault, Scene, faults, gravity
from persona.speech import tidy


def card_of(name: str, description: str, *examples: Example) -> Card:
    joy = Expression(emotions={"joy": 1.0}, prompt="smile", manner=f"{name} is happy and cheers for you.")
    neutral = Expression(emotions={"neutral": 1.0}, prompt="calm")
    return Card(
        name=name,
        description=description,
        examples=list(examples),
        expressions={"neutral": neutral, "joy": joy},
    )


PONY = card_of("Marigold", "You are a kind pony. You bake bread in your little bakery.")
ROBOT = card_of("Juno", "You are a small and curious robot. You repair a starship.")
HACKER = card_of("Zed", "You write code.", Example(user="help", reply="Try `print(1)`:\n```\nprint(1)\n```"))
HEARD = "Why did you leave the oven on all night, Marigold?"
BEFORE = ("Hello, sugar! The cinnamon buns are still warm.", "I bake a carrot cake with honey every morning.")


def found(written: str, card: Card = PONY) -> set[Fault]:
    scene = Scene(card, members=("Robin", "Lady Blue"), heard=HEARD, before=BEFORE)
    said = tidy(written, card, scene.members, finished=True)
    return set(faults(written, said, scene))


@pytest.mark.parametrize("written", ["", "  \n", "…", "!!!", "()", "Robin: I speak now", "\nMarigold:"])
def test_nothing_said_is_empty(written: str) -> None:
    assert found(written) == {Fault.EMPTY}


@pytest.mark.parametrize(
    "written",
    [
        "As an AI language model, I cannot eat cake.",
        "As an AI, I have no oven.",
        "I'm just a language model, sugar.",
        "I am a helpful AI assistant and I love bread.",
        "I'm an artificial intelligence, but call me sugar.",
        "I am only a virtual assistant.",
        "I'm just a computer program, I cannot bake.",
        "I am a robot, sugar.",
        "My name is SmolLM and I was made by Hugging Face.",
        "I don't have personal feelings, sugar.",
        "I do not have personal opinions or beliefs.",
        "How can I assist you today?",
        "def bake(bread):\n    return bread",
        "Here it is:\n```python\nimport bread\n```",
    ],
)
def test_a_program_that_talks_is_thrown_away(written: str) -> None:
    assert Fault.MACHINE in found(written)


@pytest.mark.parametrize(
    "written",
    [
        "I am not an AI, I am a pony!",
        "I'm no robot, sugar.",
        "Are you a robot? You work like a machine!",
        "I am your baker, and this is my machine for dough.",
        "I'm a little tired, but my new bread machine sings.",
        "I can help you with the dough today.",
    ],
)
def test_a_pony_may_speak_of_machines(written: str) -> None:
    assert found(written) == set()


@pytest.mark.parametrize(
    "written", ["I am a small robot, human!", "I'm just a machine, but I like you.", "As a robot, I never sleep."]
)
def test_a_robot_may_say_that_it_is_one(written: str) -> None:
    assert found(written, ROBOT) == set()
    assert Fault.MACHINE in found(written, PONY)


@pytest.mark.parametrize("written", ["As an AI language model, I count stars.", "I am a virtual assistant, human."])
def test_even_a_robot_is_no_language_model(written: str) -> None:
    assert found(written, ROBOT) == {Fault.MACHINE}


def test_who_writes_code_on_the_card_may_write_code() -> None:
    code = "Easy:\n```\nprint(2)\n```"
    assert found(code, HACKER) == set() and Fault.MACHINE in found(code, PONY)


@pytest.mark.parametrize(
    "written",
    [
        "I am Robin, your friend.",
        "I'm just Robin!",
        "My name is Lily, sugar.",
        'You can call me "Rose" if you like.',
        "I am called Bram.",
        "You are Marigold, the best baker in town.",
        "Hello there, Marigold!",
        "Marigold, you are so funny.",
        "Oh, I love it. Thank you, Marigold.",
    ],
)
def test_a_wrong_name_is_thrown_away(written: str) -> None:
    assert Fault.NAME in found(written)


@pytest.mark.parametrize(
    "written",
    [
        "I am Marigold, and I bake.",
        "My name is Marigold!",
        "Call me Marigold, sugar.",
        "You are Robin, I know you.",
        "I'm Robin's friend.",
        "It is me, Marigold!",
        "Hello, Robin! I am so happy.",
        "This is the bakery of your friend, Marigold.",
    ],
)
def test_right_names_pass(written: str) -> None:
    assert found(written) == set()


@pytest.mark.parametrize(
    "written",
    [
        "Robin smiles and takes a bun.",
        "Come in! Robin nods slowly.",
        "Lady Blue said that she wants more cake.",
        "Come in, sugar! (Robin walks in.)",
        "*Robin quickly hugs me* Oh, sugar!",
        "Have some cake. *you take a slice and smile*",
    ],
)
def test_speaking_or_acting_for_a_member_is_thrown_away(written: str) -> None:
    assert found(written) == {Fault.SPEAKS_FOR}


@pytest.mark.parametrize(
    "written",
    [
        "*smiles at Robin* Come in!",
        "Robin, smile for me!",
        "I know that Robin smiles a lot.",
        "You take sugar in your tea, do you not?",
        "(laughs) You look happy today.",
        "Have a bun!\nRobin: Thanks!\nMarigold: More?",
    ],
)
def test_speaking_to_or_of_a_member_passes(written: str) -> None:
    assert found(written) == set()


def test_a_reply_that_opens_as_a_member_has_no_words_of_its_own() -> None:
    scene = Scene(PONY, members=("Robin",))
    assert faults("**Robin:** hi", "hi", scene) == (Fault.SPEAKS_FOR, Fault.CUT_OFF)


@pytest.mark.parametrize(
    "written",
    [
        BEFORE[1],
        "I bake a carrot cake with honey every day.",
        "The cinnamon buns are still warm! Hello.",
        "No, no Bram. No Bram. No Bram.",
    ],
)
def test_what_was_said_before_is_thrown_away(written: str) -> None:
    assert found(written) & {Fault.REPEATS, Fault.EMPTY}


@pytest.mark.parametrize(
    "written",
    [
        HEARD,
        "Why did you leave the oven on all night?",
        "Marigold is happy and cheers for you.",
        "You are a kind pony! You bake bread in your little bakery!",
    ],
)
def test_an_echo_of_message_or_prompt_is_thrown_away(written: str) -> None:
    assert Fault.ECHOES in found(written)


@pytest.mark.parametrize(
    "written", ["I wanted to tell you that the oven is still on and", "I think the oven", "Because"]
)
def test_half_a_sentence_is_cut_off(written: str) -> None:
    assert found(written) == {Fault.CUT_OFF}


@pytest.mark.parametrize(
    "written",
    [
        "Because I like it warm!",
        "Oh, sugar…",
        "I wanted to tell you… but no.",
        "*blushes*",
        "Well... (laughs)",
        "Hooray 🎉",
        "Ha ha ha!",
        "I was so glad, so very glad, and I am so glad now.",
        "Never mind, sugar. Have a bun. I will bake some more tomorrow and",
    ],
)
def test_whole_sentences_pass(written: str) -> None:
    assert found(written) == set()


def test_the_gravest_comes_first_and_weighs_most() -> None:
    grave = faults("", "", Scene(PONY))
    bad = faults("As an AI, I am Robin and", "As an AI, I am Robin and", Scene(PONY, members=("Robin",)))
    assert bad == (Fault.MACHINE, Fault.NAME, Fault.CUT_OFF)
    assert gravity(grave) > gravity(bad) > gravity(bad[1:]) > gravity(()) == 0
    weights = [fault.gravity for fault in Fault]
    assert weights == sorted(weights, reverse=True)


@given(st.text(max_size=120), st.text(max_size=30), st.text(max_size=60))
def test_any_text_is_judged(written: str, name: str, heard: str) -> None:
    scene = Scene(PONY, members=(name,), heard=heard, before=(heard,))
    said = tidy(written, PONY, scene.members, finished=True)
    assert (Fault.EMPTY in faults(written, said, scene)) == (
        not any(letter.isalnum() or letter == "_" for letter in said)
    )
