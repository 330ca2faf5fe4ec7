"""The interactions desk: what users asked of applications, whether it was answered in time, and by which message."""

import asyncio
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

from bot.playground.embeds import as_objects
from bot.playground.errors import ApiError, unknown
from bot.playground.invocation import GROUP, SUBCOMMAND
from bot.playground.records import Origin, Payload
from bot.playground.world import World

ANSWER_SECONDS = 3.0
TOKEN_SECONDS = 15 * 60.0


class Asked(IntEnum):
    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL = 5


class Answered(IntEnum):
    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    CHOICES = 8
    MODAL = 9


@dataclass(slots=True, eq=False)
class Interaction:
    id: int
    token: str
    type: Asked
    application_id: int
    user_id: int
    channel_id: int
    guild_id: int | None
    data: Payload
    nonce: str
    message_id: int | None = None  # the message whose button was pressed
    asked_at: float = field(default_factory=time.monotonic)
    answered: Answered | None = None
    original_id: int | None = None  # the message @original names
    deadline: asyncio.TimerHandle | None = None
    opened_by: "Interaction | None" = None  # of a modal: what opened it

    @property
    def name(self) -> str:
        """Of the command with its subcommand: "persona set"."""
        names, options = [str(self.data.get("name", ""))], as_objects(self.data.get("options"))
        while options and options[0]["type"] in (SUBCOMMAND, GROUP):
            names.append(str(options[0]["name"]))
            options = as_objects(options[0].get("options"))
        return " ".join(names)

    def origin(self) -> Origin:
        """What its answers say of where they come from."""
        opener = self.opened_by.origin() if self.opened_by else None
        return Origin(self.id, self.type, self.user_id, self.name, self.message_id, opener)


class Desk:
    def __init__(
        self, world: World, answer_seconds: float = ANSWER_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.world = world
        self.answer_seconds = answer_seconds
        self.on_silence: Callable[[Interaction], None] = lambda interaction: None
        self._clock = clock
        self._by_token: dict[str, Interaction] = {}
        self._modals: dict[tuple[int, str], Interaction] = {}  # (user, custom id) → what opened it

    def open(self, interaction: Interaction) -> Interaction:
        """From now on the application has three seconds."""
        self._forget_old()
        interaction.asked_at = self._clock()
        self._by_token[interaction.token] = interaction
        loop = asyncio.get_running_loop()
        interaction.deadline = loop.call_later(self.answer_seconds, self._silent, interaction)
        return interaction

    def new_token(self) -> str:
        return secrets.token_urlsafe(64)

    def _silent(self, interaction: Interaction) -> None:
        if interaction.answered is None:
            del self._by_token[interaction.token]
            self.on_silence(interaction)

    def to_answer(self, interaction_id: int, token: str, kind: Answered) -> Interaction:
        """Marks the interaction as answered; 404/10062 when too late, 400/40060 the second time."""
        interaction = self._by_token.get(token)
        if interaction is None or interaction.id != interaction_id:
            raise unknown("interaction")
        if interaction.answered is not None:
            raise ApiError(400, 40060, "Interaction has already been acknowledged.")
        interaction.answered = kind
        if interaction.deadline:
            interaction.deadline.cancel()
        return interaction

    def by_token(self, application_id: int, token: str) -> Interaction | None:
        """The answered interaction whose follow-ups come under this token; None when the token is none of ours."""
        interaction = self._by_token.get(token)
        if interaction is None or not hmac.compare_digest(interaction.token, token):
            return None
        if interaction.application_id != application_id:
            return None
        if self._clock() - interaction.asked_at > TOKEN_SECONDS:
            raise ApiError(401, 50027, "Invalid Webhook Token")
        return interaction

    def modal_opened(self, interaction: Interaction, custom_id: str) -> None:
        self._modals[interaction.user_id, custom_id] = interaction

    def opener(self, user_id: int, custom_id: str) -> Interaction:
        """What opened the modal a user submits."""
        opener = self._modals.get((user_id, custom_id))
        if opener is None:
            raise unknown("interaction")
        return opener

    def _forget_old(self) -> None:
        now = self._clock()
        for token, interaction in list(self._by_token.items()):
            if now - interaction.asked_at > TOKEN_SECONDS:
                del self._by_token[token]
        fresh = {key: opener for key, opener in self._modals.items() if now - opener.asked_at <= TOKEN_SECONDS}
        self._modals = fresh

    def close(self) -> None:
        for interaction in self._by_token.values():
            if interaction.deadline:
                interaction.deadline.cancel()
