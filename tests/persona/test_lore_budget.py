"""There is not room for all: who stays, by the source of the book, the scope and the way in."""

from persona.lore.outcome import Reason
from tests.persona.lore import Scope, awaken, card, reasons, texts, world


def entry(name: str, **row: object) -> dict[str, object]:
    """An entry of a card's book with three words."""
    return {"keys": [name], "content": f"{name} b c", **row}


def test_in_a_card_the_higher_priority_stays() -> None:
    book = card(entry("a1", priority=1, insertion_order=9), entry("b1", priority=2, insertion_order=1))
    awakened = awaken(book, "a1 b1", budget=5)
    assert texts(awakened) == ["b1 b c"]
    assert reasons(awakened) == {"a1 b c": Reason.BUDGET}
    assert awakened.left_out[0].says == "it needs 3 tokens, and 2 are left"


def test_in_a_card_without_priorities_the_higher_insertion_order_stays() -> None:
    book = card(entry("a1", insertion_order=9), entry("b1", insertion_order=1))
    assert texts(awaken(book, "a1 b1", budget=5)) == ["a1 b c"]


def test_in_a_world_info_file_the_higher_order_stays_whatever_priority_says() -> None:
    rows = [{"key": [name], "content": f"{name} b c", **more} for name, more in _ORDERS.items()]
    assert texts(awaken(world(*rows), "a1 b1", budget=5)) == ["b1 b c"]


_ORDERS = {"a1": {"order": 1, "priority": 9}, "b1": {"order": 2, "priority": 1}}


def test_a_book_limits_itself() -> None:
    own = card(entry("a1"), entry("b1"), token_budget=5)
    other = card(entry("c1")).of(Scope.GUILD)
    assert texts(awaken([own, other], "a1 b1 c1", budget=100)) == ["a1 b c", "c1 b c"]


def test_constant_entries_come_first_then_what_messages_name_then_what_texts_name() -> None:
    book = world(
        {"key": ["a1"], "content": "a1 b1", "order": 300},
        {"key": ["b1"], "content": "told b c", "order": 900},
        {"key": ["c1"], "content": "said b c", "order": 2},
        {"key": [], "content": "constant c", "constant": True, "order": 1},
    )
    assert texts(awaken(book, "a1 c1", budget=2)) == ["constant c"]
    assert texts(awaken(book, "a1 c1", budget=4)) == ["constant c", "a1 b1"]
    assert texts(awaken(book, "a1 c1", budget=7)) == ["constant c", "said b c", "a1 b1"]
    assert texts(awaken(book, "a1 c1", budget=10)) == ["constant c", "said b c", "a1 b1", "told b c"]


def test_the_nearer_scope_comes_first_whatever_the_order() -> None:
    books = [
        card(entry("a1", insertion_order=order)).of(scope)
        for order, scope in ((400, Scope.GUILD), (300, Scope.CHANNEL), (200, Scope.PERSONA), (100, Scope.CHARACTER))
    ]
    for room, scopes in enumerate((Scope.CHARACTER, Scope.PERSONA, Scope.CHANNEL, Scope.GUILD), start=1):
        awakened = awaken(books, "a1", budget=3 * room)
        assert scopes in {active.scope for active in awakened.entries}
        assert len(awakened.entries) == room


def test_a_shorter_entry_takes_the_room_that_a_longer_one_cannot() -> None:
    book = card({"keys": ["a1"], "content": "1 2 3 4 5 6", "priority": 9}, entry("b1", priority=1))
    assert texts(awaken(book, "a1 b1", budget=4)) == ["b1 b c"]


def test_an_entry_that_ignores_the_budget_takes_no_room() -> None:
    book = world({"key": ["a1"], "content": "1 2 3 4 5 6", "ignoreBudget": True}, {"key": ["b1"], "content": "b1 b c"})
    awakened = awaken(book, "a1 b1", budget=3)
    assert texts(awakened) == ["1 2 3 4 5 6", "b1 b c"]
    assert awakened.tokens == 9


def test_who_goes_first_goes_even_for_a_text_that_a_text_named() -> None:
    first = {"keys": ["a1"], "content": "@@ignore_on_max_context\na1 b1 x", "priority": 99}
    book = card(first, {"keys": ["b1"], "content": "told b c", "priority": 1})
    assert texts(awaken(book, "a1", budget=6)) == ["a1 b1 x", "told b c"]
    awakened = awaken(book, "a1", budget=5)
    assert texts(awakened) == ["told b c"]
    assert reasons(awakened) == {"a1 b1 x": Reason.BUDGET}


def test_nobody_goes_for_an_entry_that_has_no_room_anyway() -> None:
    first = {"keys": ["a1"], "content": "@@ignore_on_max_context\na1 b1 x"}
    book = card(first, {"keys": ["b1"], "content": "1 2 3 4 5 6 7"})
    assert texts(awaken(book, "a1", budget=5)) == ["a1 b1 x"]
