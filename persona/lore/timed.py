"""What lasts beyond one reply: which entries are sticky or cool down, and which have awakened before.

A `Timed` is a plain value: it goes into `Lore.awaken` and a new one comes out, in `Awakened.timed`. Whoever stores it
(one JSON text for a persona in a channel) stores the new one when the reply counts. Spans are counted in messages of
the conversation; an effect that began at or after the present number of messages never happened (a reply is made anew,
messages were deleted).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from persona.lore.entry import Entry

Span = tuple[int, int]  # from this number of messages up to, not with, that one


@dataclass(frozen=True, slots=True)
class Timed:
    """Entries by their `mark`."""

    sticky: Mapping[str, Span] = field(default_factory=dict)
    cooldown: Mapping[str, Span] = field(default_factory=dict)
    awake: Mapping[str, int] = field(default_factory=dict)  # the number of messages at which it first awakened

    def at(self, now: int) -> "Timed":
        """Without what is over, and without what began at `now` or later."""

        def lasting(spans: Mapping[str, Span]) -> dict[str, Span]:
            return {mark: span for mark, span in spans.items() if span[0] < now and now < span[1]}

        first = {mark: start for mark, start in self.awake.items() if start < now}
        return Timed(lasting(self.sticky), lasting(self.cooldown), first)

    def after(self, now: int, awakened: Iterable[Entry]) -> "Timed":
        """What holds after these entries awakened at `now` messages; a span that runs is not made longer.

        The cooldown of a sticky entry begins when it is sticky no more.
        """
        here = self.at(now)
        sticky, cooldown, awake = dict(here.sticky), dict(here.cooldown), dict(here.awake)
        for entry in awakened:
            timing, mark = entry.timing, entry.mark
            if timing.keep or timing.once:
                awake.setdefault(mark, now)
            if timing.sticky and mark not in sticky:
                sticky[mark] = (now, now + timing.sticky + 1)
            if timing.cooldown and mark not in cooldown:
                end = sticky[mark][1] if mark in sticky else now + 1
                cooldown[mark] = (now, end + timing.cooldown)
        return Timed(sticky, cooldown, awake)

    def to_json(self) -> str:
        return json.dumps({"sticky": self.sticky, "cooldown": self.cooldown, "awake": self.awake})

    @classmethod
    def from_json(cls, text: str) -> "Timed":
        """What `to_json` wrote; ValueError for anything else."""
        try:
            stored = json.loads(text)
            sticky, cooldown = (
                {str(mark): (int(start), int(end)) for mark, (start, end) in stored[name].items()}
                for name in ("sticky", "cooldown")
            )
            return cls(sticky, cooldown, {str(mark): int(start) for mark, start in stored["awake"].items()})
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"this is no stored state of lorebooks: {text:.60}") from error
