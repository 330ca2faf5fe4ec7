"""Long random walks over a card of a few kilobytes: whatever is done in whatever order, the ledger stays true."""

from typing import Any

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from torch import Tensor, nn

from inference.job import NoRoom, Steps
from inference.residency import Guest, Residency, Settled
from tests.inference.tiny_card import GRAIN, TinyCard

TOTAL = 48
SHAPES = st.lists(st.integers(1, 12), min_size=1, max_size=6)  # the grains of each weight: the card gets gaps


def module_of(grains: list[int]) -> nn.Module:
    return nn.ParameterList([torch.randn(count * GRAIN // 4) for count in grains]).requires_grad_(False)


class Walk(RuleBasedStateMachine):
    """Guests come, are hosted one inside another, arrive in portions, leave; tenants settle; steps want memory."""

    def __init__(self) -> None:
        super().__init__()
        self.mode = torch.inference_mode()
        self.mode.__enter__()
        self.card = TinyCard(TOTAL * GRAIN)
        self.residency = Residency(self.card, portion=5 * GRAIN)
        self.modules: dict[Guest, nn.Module] = {}
        self.before: dict[Guest, list[Tensor]] = {}
        self.hosted: list[tuple[Guest, Any]] = []
        self.arriving: list[Steps[None, None]] = []
        self.settled: dict[Settled, Tensor] = {}
        self.used: list[Guest] = []  # who was used last is last
        self.number = 0

    def teardown(self) -> None:
        for _, hosting in reversed(self.hosted):
            hosting.__exit__(None, None, None)
        self.mode.__exit__(None, None, None)

    # --- what can happen ------------------------------------------------------------------------------------------

    @rule(grains=SHAPES)
    def invite(self, grains: list[int]) -> None:
        module = module_of(grains)
        self.number += 1
        guest = self.residency.invite(str(self.number), module)
        self.modules[guest], self.used = module, [*self.used, guest]
        self.before[guest] = [weight.clone() for weight in module.parameters()]

    @precondition(lambda self: self.modules)
    @rule(data=st.data())
    def host(self, data: st.DataObject) -> None:
        guest = data.draw(st.sampled_from(list(self.modules)))
        kept = {guest for guest, _ in self.hosted}
        here = self.here()
        hosting = self.residency.hosting(guest)
        try:
            hosting.__enter__()
        except NoRoom:
            assert all(other in kept or not other.here for other in self.modules if other is not guest)
            return
        self.hosted.append((guest, hosting))
        self.used = [*(other for other in self.used if other is not guest), guest]
        self.check_who_left(here, kept | {guest})

    @precondition(lambda self: self.hosted)
    @rule()
    def end_hosting(self) -> None:
        _, hosting = self.hosted.pop()
        hosting.__exit__(None, None, None)

    @precondition(lambda self: self.modules)
    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        self.arriving.append(self.residency.bring(data.draw(st.sampled_from(list(self.modules)))))

    @precondition(lambda self: self.arriving)
    @rule(data=st.data())
    def go_on_arriving(self, data: st.DataObject) -> None:
        steps = data.draw(st.sampled_from(self.arriving))
        order = list(self.residency._guests)
        try:
            next(steps)
        except (StopIteration, NoRoom):
            self.arriving.remove(steps)
            self.used = list(self.residency._guests)
        else:
            assert list(self.residency._guests) == order

    @rule()
    def send_out(self) -> None:
        kept = {guest for guest, _ in self.hosted}
        before = self.card.free()
        assert self.residency.send_out() == self.card.free() - before
        assert not any(guest.lacking < guest.bytes for guest in self.modules if guest not in kept)

    @rule(grains=st.integers(1, 12))
    def settle(self, grains: int) -> None:
        self.number += 1
        kept, here = {guest for guest, _ in self.hosted}, self.here()
        mine: list[Tensor] = []
        try:
            tenant = self.residency.settle(
                f"settled {self.number}", grains * GRAIN, used=lambda: sum(one.nbytes for one in mine)
            )
        except NoRoom:
            return
        self.check_who_left(here, kept)
        try:
            mine.append(self.card.allocate(grains * GRAIN).fill_(self.number % 251))
        except torch.OutOfMemoryError:  # in pieces too small
            self.residency.leave(tenant)
        else:
            self.settled[tenant] = mine[0]

    @precondition(lambda self: self.settled)
    @rule()
    def leave(self) -> None:
        tenant, _ = self.settled.popitem()
        self.residency.leave(tenant)

    @precondition(lambda self: self.modules)
    @rule(data=st.data())
    def dismiss(self, data: st.DataObject) -> None:
        guest = data.draw(st.sampled_from(list(self.modules)))
        if guest in {hosted for hosted, _ in self.hosted} or self.arriving:
            return
        self.residency.dismiss(guest)
        assert not self.on_card(guest)
        self.used.remove(guest)
        del self.modules[guest]

    # --- what is always true --------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_lost(self) -> None:
        for guest, module in self.modules.items():
            for now, then in zip(module.parameters(), self.before[guest], strict=True):
                assert torch.equal(now, then)
        for tenant, tensor in self.settled.items():
            assert (tensor == int(tenant.name.split()[1]) % 251).all()

    @invariant()
    def the_ledger_says_what_the_card_holds(self) -> None:
        guests = sum(guest.bytes - guest.lacking for guest in self.modules)
        assert guests == sum(len(self.on_card(guest)) for guest in self.modules)
        assert self.card.taken == guests + sum(tensor.nbytes for tensor in self.settled.values()) <= self.card.total

    @invariant()
    def whoever_is_hosted_is_here(self) -> None:
        assert all(guest.here for guest, _ in self.hosted)

    @invariant()
    def everybody_knows_who_is_here(self) -> None:
        told = {one.name: one.here for one in self.residency.residents}
        assert told == {tenant.name: True for tenant in self.settled} | {
            guest.name: guest.here for guest in self.modules
        }

    @invariant()
    def guests_are_in_the_order_of_their_last_use(self) -> None:
        assert list(self.residency._guests) == self.used

    def on_card(self, guest: Guest) -> bytes:
        """The bytes of a guest that are really on the card."""
        weights = [weight for weight in self.modules[guest].parameters() if self.card.holds(weight)]
        return b"".join(weight.numpy().tobytes() for weight in weights)

    def here(self) -> list[Guest]:
        return [guest for guest in self.used if guest.here]

    def check_who_left(self, before: list[Guest], kept: set[Guest]) -> None:
        """Whoever left had been unused for longer than everybody who could have left instead."""
        left = [guest for guest in before if not guest.here]
        stayed = [guest for guest in before if guest.here and guest not in kept]
        assert all(self.used.index(gone) < self.used.index(there) for gone in left for there in stayed)


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_the_walk_would_notice_a_lost_weight() -> None:
    """The invariants can fail: a guest whose numbers change on the card is found out."""
    walk = Walk()
    try:
        walk.invite([3])
        [guest] = walk.modules
        with walk.residency.hosting(guest):
            next(iter(walk.modules[guest].parameters())).add_(1)
        with pytest.raises(AssertionError):
            walk.nothing_is_lost()
    finally:
        walk.teardown()
