"""Who is on the card: a ledger in bytes. Who settles, who comes as a guest, who has to leave.

Settled tenants (the language model, its keys and values, the classifier) stay. Guests (the painter's UNet, a codec, a
text encoder) come when they are needed and stay until somebody else needs the room; then the one unused for longest
goes first. A guest that goes is parked in host memory, so that coming back is a copy over the bus and not a load.

    guest = residency.invite("painter", unet)
    yield from residency.bring(guest)        # a portion a step, so that nobody waits long for the device
    with residency.hosting(guest):           # inside one step: whoever is hosted is not sent out
        unet(…)

Nothing is believed: free memory is measured before and after every move. Belongs to the device's thread, so there are
no locks; only `residents` may be read by others.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from inference.card import Card
from inference.job import NoRoom, Steps

PORTION = 256 << 20  # bytes that move in one step: 10 ms over a bus of 25 GB/s


@dataclass(frozen=True, slots=True)
class Resident:
    """One line of the ledger: a tenant, its bytes, whether it stays, and whether it is on the card now."""

    name: str
    bytes: int
    settled: bool
    here: bool


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """A tenant that stays; `used` tells how many of its bytes are on the card by now."""

    name: str
    bytes: int
    used: Callable[[], int]


class Guest:
    """The weights of some modules, which come and go together. They may not be changed while they are on the card."""

    def __init__(self, name: str, modules: Sequence[nn.Module]) -> None:
        weights = (weight for module in modules for weight in (*module.parameters(), *module.buffers()))
        self.name = name
        self._weights: list[Tensor] = list({id(weight): weight for weight in weights}.values())
        self._parked: list[Tensor] = []  # the same weights in host memory, as far as they ever moved
        self._arrived = 0  # how many of them are on the card
        self.bytes = sum(weight.nbytes for weight in self._weights)

    @property
    def here(self) -> bool:
        """Whether all of it is on the card."""
        return self._arrived == len(self._weights)

    @property
    def lacking(self) -> int:
        """Bytes that are not on the card yet."""
        return sum(weight.nbytes for weight in self._weights[self._arrived :])

    def move_in(self, card: Card, at_most: int) -> None:
        """Move the next weights in, about `at_most` bytes and at least one; an OutOfMemoryError leaves it whole."""
        moved = 0
        while moved < at_most and not self.here:
            weight = self._weights[self._arrived]
            if self._arrived == len(self._parked):
                self._parked.append(card.park(weight.data))
            weight.data = card.move_in(self._parked[self._arrived])
            self._arrived += 1
            moved += weight.nbytes

    def move_out(self) -> None:
        """Leave the card. Needs no memory: the weights were parked when they came."""
        for weight, parked in zip(self._weights, self._parked, strict=False):
            weight.data = parked
        self._arrived = 0


class Residency:
    """The ledger of one card."""

    residents: tuple[Resident, ...] = ()
    """Everybody known, settled ones first, then guests, who was used last at the end. Any thread may read this."""

    def __init__(self, card: Card, portion: int = PORTION) -> None:
        self.card = card
        self._portion = portion
        self._settled: dict[Settled, None] = {}
        self._guests: dict[Guest, None] = {}  # whoever was used last is last
        self._hosted: Counter[Guest] = Counter()

    # --- settled tenants ------------------------------------------------------------------------------------------

    def settle(self, name: str, bytes: int, used: Callable[[], int] | None = None) -> Settled:
        """Keep `bytes` for a tenant that stays; guests make room for what of it is not on the card yet.

        used: how many of its bytes are on the card by now; None = all of them. Raises NoRoom when the card is too
        small; on a CPU nobody is refused, since the system may have memory in reserve that it does not tell of.
        """
        tenant = Settled(name, bytes, used or (lambda: bytes))
        lacking = tenant.bytes - tenant.used()
        if self.card.apart and self._make_room(lacking) < lacking:
            raise self._no_room(name, lacking)
        self._settled[tenant] = None
        self._publish()
        return tenant

    def leave(self, tenant: Settled) -> None:
        """A settled tenant is no more."""
        del self._settled[tenant]
        self._publish()

    # --- guests ---------------------------------------------------------------------------------------------------

    def invite(self, name: str, *modules: nn.Module) -> Guest:
        """Make modules a guest; they are in host memory, and stay there until they are brought."""
        guest = Guest(name, modules)
        self._guests[guest] = None
        self._publish()
        return guest

    def dismiss(self, guest: Guest) -> None:
        """A guest is no more; its weights are in host memory again."""
        assert not self._hosted[guest], "who is hosted cannot be dismissed"
        if self.card.apart:
            guest.move_out()
        del self._guests[guest]
        self._publish()

    def bring(self, *guests: Guest, working: int = 0) -> Steps[Any, None]:
        """Steps that move guests in together, a portion a step; yields only if there is more to move.

        working: bytes that should be free beside them. Raises NoRoom when they do not fit even if everybody leaves
        who may.
        """
        portion, expected = self._portion, 0
        while lacking := self._lacking(guests):
            if 0 < expected < lacking:  # somebody sent them out meanwhile: in portions, two could do so for ever
                portion = lacking
            if self._make_room(lacking + working, keep=guests) < lacking:
                raise self._no_room(" and ".join(guest.name for guest in guests), lacking)
            self._move_in(guests, portion)
            if expected := self._lacking(guests):
                yield None
        for guest in guests:
            self._guests[guest] = self._guests.pop(guest)
        self._publish()

    @contextmanager
    def hosting(self, *guests: Guest, working: int = 0) -> Iterator[None]:
        """Have guests on the card, moving in what is not there; none of them is sent out meanwhile. Raises NoRoom."""
        for _ in self.bring(*guests, working=working):
            pass
        self._hosted.update(guests)
        try:
            yield
        finally:
            self._hosted.subtract(guests)

    def send_out(self) -> int:
        """Send out every guest that is not hosted; returns how many bytes became free, as measured."""
        before = self._room()
        return self._make_room(self.card.total) - before if self.card.apart else 0

    # --- room -----------------------------------------------------------------------------------------------------

    def _lacking(self, guests: Sequence[Guest]) -> int:
        return sum(guest.lacking for guest in guests) if self.card.apart else 0

    def _move_in(self, guests: Sequence[Guest], portion: int) -> None:
        """One portion. If the card refuses what was measured to fit, somebody else leaves, or NoRoom is raised."""
        coming = next(guest for guest in guests if not guest.here)
        try:
            coming.move_in(self.card, portion)
        except torch.OutOfMemoryError as error:
            coming.move_out()
            if not self._send_one_out(keep=guests):
                raise self._no_room(coming.name, coming.bytes) from error

    def _make_room(self, wanted: int, keep: Sequence[Guest] = ()) -> int:
        """Send guests out until `wanted` bytes are free, or nobody is left who may leave; returns what is free."""
        while (room := self._room()) < wanted:
            if not self._send_one_out(keep):
                break
        return room

    def _send_one_out(self, keep: Sequence[Guest]) -> bool:
        """Send out whoever was unused for longest; False when nobody may leave."""
        for guest in self._guests:
            if guest.lacking < guest.bytes and not self._hosted[guest] and guest not in keep:
                guest.move_out()
                self._publish()
                return True
        return False

    def _room(self) -> int:
        """Bytes that are free, less what settled tenants have not taken yet."""
        return self.card.free() - sum(max(0, tenant.bytes - tenant.used()) for tenant in self._settled)

    def _no_room(self, name: str, lacking: int) -> NoRoom:
        settled = ", ".join(f"{tenant.name} {_mib(tenant.bytes)}" for tenant in self._settled)
        return NoRoom(
            f"{name} needs {_mib(lacking)} MiB, and {_mib(max(0, self._room()))} of the device's"
            f" {_mib(self.card.total)} MiB are free{f' beside what stays ({settled})' if settled else ''}: choose"
            " something smaller."
        )

    def _publish(self) -> None:
        settled = [Resident(tenant.name, tenant.bytes, settled=True, here=True) for tenant in self._settled]
        apart = self.card.apart
        guests = [Resident(one.name, one.bytes, settled=False, here=one.here or not apart) for one in self._guests]
        self.residents = (*settled, *guests)


def _mib(count: int) -> str:
    return f"{count / 2**20:,.0f}" if count >= 10 << 20 else f"{count / 2**20:,.3g}"
