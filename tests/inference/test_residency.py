"""Who is on a card of a few kilobytes: real weights, real refusals, every order in which guests can come and go."""

import itertools
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from inference.card import HostCard
from inference.job import NoRoom, Steps
from inference.residency import Guest, Residency
from tests.inference.tiny_card import GRAIN, TinyCard, layers

GRAINS = {"unet": 30, "codec": 12, "text": 20, "gate": 7}  # the card below has 48: some pairs fit, all of them never


@pytest.fixture(autouse=True)
def as_on_the_device() -> Iterator[None]:
    """The device's steps run like this."""
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


def guests_of(residency: Residency) -> dict[str, tuple[Guest, nn.Module]]:
    modules = {name: layers(grains) for name, grains in GRAINS.items()}
    return {name: (residency.invite(name, module), module) for name, module in modules.items()}


def here(residency: Residency) -> list[str]:
    """The guests on the card, who was used last at the end."""
    return [one.name for one in residency.residents if one.here and not one.settled]


def weights(module: nn.Module) -> list[Tensor]:
    return [weight.clone() for weight in module.parameters()]


def same(module: nn.Module, before: list[Tensor]) -> bool:
    return all(torch.equal(now, then) for now, then in zip(module.parameters(), before, strict=True))


def is_on(card: TinyCard, module: nn.Module) -> bool:
    on = [card.holds(weight) for weight in module.parameters()]
    assert all(on) or not any(on)
    return on[0]


def expected(order: tuple[str, ...], room: int) -> list[str]:
    """Least recently used first out, by definition: the newest distinct guests, as far as they fit together."""
    staying: list[str] = []
    for name in order:
        staying = [other for other in staying if other != name]
        while sum(GRAINS[other] for other in (*staying, name)) > room:
            staying.pop(0)
        staying.append(name)
    return staying


@pytest.mark.parametrize("settled", [1, 10])
def test_in_every_order_the_one_unused_for_longest_leaves_first(settled: int) -> None:
    orders = [order for length in range(1, 5) for order in itertools.product(GRAINS, repeat=length)]
    orders += [twice for order in itertools.permutations(GRAINS) for twice in (order * 2, order + order[::-1])]
    for order in orders:
        card = TinyCard(48 * GRAIN)
        residency = Residency(card)
        model = card.allocate(settled * GRAIN).fill_(7)
        residency.settle("model", settled * GRAIN)
        guests = guests_of(residency)
        before = {name: weights(module) for name, (_, module) in guests.items()}
        for name in order:
            with residency.hosting(guests[name][0]):
                assert is_on(card, guests[name][1])
        assert here(residency) == expected(order, 48 - settled), order
        assert [name for name, (_, module) in guests.items() if is_on(card, module)] == [
            name for name in GRAINS if name in here(residency)
        ]
        assert all(same(module, before[name]) for name, (_, module) in guests.items())
        assert card.taken == (settled + sum(GRAINS[name] for name in here(residency))) * GRAIN
        assert (model == 7).all()


def test_who_is_there_is_not_moved_again() -> None:
    card = TinyCard(48 * GRAIN)
    residency = Residency(card)
    guest = residency.invite("text", layers(20))
    for _ in range(3):
        with residency.hosting(guest):
            pass
    assert len(card.moves) == 20


def test_whoever_is_hosted_is_not_sent_out() -> None:
    residency = Residency(TinyCard(48 * GRAIN))
    guests = guests_of(residency)
    (unet, of_unet), (text, _), (codec, _) = guests["unet"], guests["text"], guests["codec"]
    with residency.hosting(unet):
        with residency.hosting(codec):
            assert here(residency) == ["unet", "codec"]
        with pytest.raises(NoRoom, match=r"^text needs "), residency.hosting(text):
            pass
        assert residency.send_out() == 0  # the codec left for the text encoder, in vain
        assert unet.here and not codec.here and is_on(residency.card, of_unet)  # type: ignore[arg-type]
    with residency.hosting(text):
        assert here(residency) == ["text"]


def test_an_error_inside_ends_the_hosting() -> None:
    residency = Residency(TinyCard(48 * GRAIN))
    guest = residency.invite("unet", layers(30))
    with pytest.raises(ZeroDivisionError), residency.hosting(guest):
        raise ZeroDivisionError
    assert residency.send_out() == 30 * GRAIN


def test_guests_that_are_needed_together_do_not_send_each_other_out() -> None:
    residency = Residency(TinyCard(48 * GRAIN))
    guests = {name: guest for name, (guest, _) in guests_of(residency).items()}
    with residency.hosting(guests["codec"], guests["unet"]):
        assert here(residency) == ["codec", "unet"]
    with pytest.raises(NoRoom, match=r"^unet and text needs"), residency.hosting(guests["unet"], guests["text"]):
        pass


def test_settled_tenants_keep_what_they_have_not_taken_yet() -> None:
    card = TinyCard(48 * GRAIN)
    residency = Residency(card)
    kept: list[Tensor] = []
    residency.settle("keys and values", 30 * GRAIN, used=lambda: sum(one.nbytes for one in kept))
    guest = residency.invite("text", layers(20))
    with pytest.raises(NoRoom, match=r"keys and values 0\.00183\)"), residency.hosting(guest):
        pass
    kept.append(card.allocate(30 * GRAIN))
    small = residency.invite("codec", layers(18))
    with residency.hosting(small):
        assert card.free() == 0


def test_a_tenant_that_settles_later_sends_guests_out() -> None:
    residency = Residency(TinyCard(48 * GRAIN))
    guests = {name: guest for name, (guest, _) in guests_of(residency).items()}
    for name in ("text", "codec", "gate"):
        with residency.hosting(guests[name]):
            pass
    kept = residency.settle("keys and values", 25 * GRAIN, used=lambda: 0)
    assert here(residency) == ["codec", "gate"]
    with pytest.raises(NoRoom, match=r"^another model needs"):
        residency.settle("another model", 24 * GRAIN, used=lambda: 0)
    residency.leave(kept)
    residency.settle("another model", 48 * GRAIN, used=lambda: 0)
    assert [one.name for one in residency.residents if one.settled] == ["another model"]


def test_room_to_work_in_is_made_where_it_can_be_had() -> None:
    residency = Residency(TinyCard(48 * GRAIN))
    guests = {name: guest for name, (guest, _) in guests_of(residency).items()}
    for name, working, staying in (("text", 0, ["text"]), ("codec", 20, ["codec"]), ("unet", 1000, ["unet"])):
        with residency.hosting(guests[name], working=working * GRAIN):
            assert here(residency) == staying


def test_nobody_moves_in_who_could_never_fit() -> None:
    residency = Residency(TinyCard(48 * GRAIN))
    huge = layers(49)
    with pytest.raises(NoRoom) as refusal, residency.hosting(residency.invite("huge", huge)):
        pass
    assert str(refusal.value) == (
        "huge needs 0.00299 MiB, and 0.00293 of the device's 0.00293 MiB are free: choose something smaller."
    )
    assert not is_on(residency.card, huge)  # type: ignore[arg-type]


def test_free_memory_in_pieces_too_small_is_no_room_until_somebody_leaves() -> None:
    """The card measures 20 free grains, but no 20 in a row: what it says is not believed, what it does counts."""
    card = TinyCard(48 * GRAIN)
    residency = Residency(card)
    first, second, third = (residency.invite(name, layers(14)) for name in ("first", "second", "third"))
    for guest in (first, second, third):
        with residency.hosting(guest):
            pass
    residency.dismiss(second)
    big = nn.Linear(GRAIN, 5, bias=False).requires_grad_(False)  # 20 grains in one piece
    before = weights(big)
    assert card.free() == 20 * GRAIN
    with residency.hosting(residency.invite("big", big)):
        assert here(residency) == ["third", "big"]
    assert same(big, before)


def test_what_no_leaving_can_mend_is_no_room() -> None:
    card = TinyCard(48 * GRAIN)
    residency = Residency(card)
    left, middle = card.allocate(20 * GRAIN), card.allocate(8 * GRAIN)
    residency.settle("model", middle.nbytes)
    del left
    big = nn.Linear(GRAIN, 6, bias=False)  # 24 grains; two gaps of 20
    guest = residency.invite("big", big)
    with pytest.raises(NoRoom, match=r"big needs .* beside what stays \(model"), residency.hosting(guest):
        pass
    assert card.taken == 8 * GRAIN


def count(steps: Steps[None, None]) -> int:
    return sum(1 for _ in steps)


def test_guests_come_a_portion_a_step() -> None:
    card = TinyCard(48 * GRAIN)
    residency = Residency(card, portion=8 * GRAIN)
    guest = residency.invite("unet", layers(30))
    steps = residency.bring(guest)
    for arrived in (8, 16, 24):
        next(steps)
        assert card.taken == arrived * GRAIN
    assert count(steps) == 0 and guest.here
    assert count(residency.bring(guest)) == 0


def test_a_guest_sent_out_on_its_way_comes_after_all() -> None:
    residency = Residency(TinyCard(48 * GRAIN), portion=8 * GRAIN)
    guest = residency.invite("unet", layers(30))
    steps = residency.bring(guest)
    next(steps)
    next(steps)
    assert residency.send_out() == 16 * GRAIN
    assert count(steps) == 0 and guest.here


def test_two_that_do_not_fit_together_do_not_send_each_other_out_for_ever() -> None:
    residency = Residency(TinyCard(48 * GRAIN), portion=8 * GRAIN)
    one, other = residency.invite("one", layers(30)), residency.invite("other", layers(30))
    arriving = {"one": residency.bring(one), "other": residency.bring(other)}
    arrived = []
    for name in itertools.islice(itertools.cycle(arriving), 40):
        if next(arriving[name], name) == name and name not in arrived:
            arrived.append(name)
    assert sorted(arrived) == ["one", "other"]


def test_dismissed_guests_are_in_host_memory_and_forgotten() -> None:
    card = TinyCard(48 * GRAIN)
    residency = Residency(card)
    module = layers(20)
    before = weights(module)
    guest = residency.invite("text", module)
    with residency.hosting(guest), pytest.raises(AssertionError, match="hosted"):
        residency.dismiss(guest)
    residency.dismiss(guest)
    assert card.taken == 0 and residency.residents == () and same(module, before)


def test_weights_that_two_modules_share_move_once() -> None:
    card = TinyCard(48 * GRAIN)
    residency = Residency(card)
    shared = nn.Linear(16, 4, bias=False)
    tied = nn.Sequential(shared, nn.ReLU(), shared)
    with residency.hosting(residency.invite("tied", tied, shared)):
        assert card.moves == [256]
        assert tied[0].weight is tied[2].weight and card.holds(tied[2].weight)


def test_buffers_and_layouts_come_back_as_they_were() -> None:
    """What moves is more than contiguous float parameters: running statistics, channels last, half precision."""
    residency = Residency(TinyCard(64 * GRAIN))
    module = nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6)).half().eval().to(memory_format=torch.channels_last)
    assert not module[0].weight.is_contiguous()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    said = module(torch.ones(1, 4, 5, 5).half())
    guest = residency.invite("conv", module)
    for _ in range(2):
        with residency.hosting(guest):
            assert torch.equal(module(torch.ones(1, 4, 5, 5).half()), said)
        residency.send_out()
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name]) and value.stride() == before[name].stride(), name


def test_on_a_cpu_everybody_is_at_home_and_nothing_moves() -> None:
    residency = Residency(HostCard())
    module = layers(30)
    places = [weight.data_ptr() for weight in module.parameters()]
    guest = residency.invite("unet", module)
    residency.settle("model", 1 << 20)
    assert count(residency.bring(guest)) == 0
    with residency.hosting(guest, working=1 << 60):
        assert [(one.name, one.here, one.settled) for one in residency.residents] == [
            ("model", True, True),
            ("unet", True, False),
        ]
    assert residency.send_out() == 0
    residency.dismiss(guest)
    assert [weight.data_ptr() for weight in module.parameters()] == places
    assert 0 < residency.card.free() <= residency.card.total


def test_a_cpu_refuses_nobody_who_settles() -> None:
    residency = Residency(HostCard())
    residency.settle("model", 1 << 50, used=lambda: 0)
    assert [one.name for one in residency.residents] == ["model"]
