"""Discord's permission arithmetic."""

import pytest

from bot.playground.permissions import EVERYTHING, Permission, channel_permissions
from bot.playground.records import Channel, ChannelType, Guild, Member, Overwrite, Role

VIEW, SEND = int(Permission.VIEW_CHANNEL), int(Permission.SEND_MESSAGES)
OWNER, MEMBER, EVERYONE, ROLE = 1, 2, 10, 11


def allowed(*overwrites: Overwrite, user: int = MEMBER, role: int = 0) -> int:
    roles = [Role(EVERYONE, "@everyone", VIEW | SEND), Role(ROLE, "role", role)]
    member = Member(user, 0.0, roles=[ROLE])
    guild = Guild(EVERYONE, "guild", OWNER, roles=roles, members=[member])
    return channel_permissions(guild, member, Channel(5, ChannelType.TEXT, EVERYONE, overwrites=list(overwrites)))


@pytest.mark.parametrize(
    ("overwrites", "expected"),
    [
        ([], VIEW | SEND),
        ([Overwrite(EVERYONE, 0, 0, VIEW)], SEND),
        ([Overwrite(EVERYONE, 0, 0, VIEW), Overwrite(ROLE, 0, VIEW, 0)], VIEW | SEND),
        ([Overwrite(ROLE, 0, VIEW, SEND), Overwrite(MEMBER, 1, SEND, VIEW)], SEND),
        ([Overwrite(3, 1, 0, VIEW)], VIEW | SEND),  # somebody else's
    ],
)
def test_overwrites_count_from_everyone_over_roles_to_the_member(overwrites: list[Overwrite], expected: int) -> None:
    assert allowed(*overwrites) == expected


def test_owners_and_administrators_may_everything() -> None:
    hidden = Overwrite(EVERYONE, 0, 0, VIEW)
    assert allowed(hidden, user=OWNER) == EVERYTHING
    assert allowed(hidden, role=int(Permission.ADMINISTRATOR)) == EVERYTHING
