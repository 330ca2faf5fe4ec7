"""What the world consists of: plain records, each of which can be written as JSON and read back."""

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag

Payload = dict[str, object]  # a JSON object as the API sends it


class ChannelType(IntEnum):
    TEXT = 0
    DM = 1
    CATEGORY = 4
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12


class MessageFlag(IntFlag):
    SUPPRESS_EMBEDS = 1 << 2
    EPHEMERAL = 1 << 6
    LOADING = 1 << 7
    SUPPRESS_NOTIFICATIONS = 1 << 12
    COMPONENTS_V2 = 1 << 15


@dataclass(slots=True)
class User:
    id: int
    username: str
    global_name: str | None = None
    avatar: str | None = None  # hash
    bot: bool = False
    description: str = ""  # of a bot's application
    team: list[int] = field(default_factory=list)  # users who build it, its owner first; empty = one person's own


@dataclass(slots=True)
class Role:
    id: int
    name: str
    permissions: int
    position: int = 0
    color: int = 0
    bot_id: int | None = None  # a managed role belongs to this bot


@dataclass(slots=True)
class Member:
    user_id: int
    joined_at: float
    nick: str | None = None
    avatar: str | None = None
    banner: str | None = None
    roles: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Guild:
    id: int
    name: str
    owner_id: int
    roles: list[Role] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)

    def member(self, user_id: int) -> Member | None:
        return next((member for member in self.members if member.user_id == user_id), None)


@dataclass(slots=True)
class Overwrite:
    id: int
    type: int  # 0 role, 1 member
    allow: int
    deny: int


@dataclass(slots=True)
class Channel:
    id: int
    type: int
    guild_id: int | None = None
    name: str = ""
    topic: str | None = None
    position: int = 0
    parent_id: int | None = None
    nsfw: bool = False
    rate_limit_per_user: int = 0
    overwrites: list[Overwrite] = field(default_factory=list)
    recipients: list[int] = field(default_factory=list)  # of a DM: both users
    last_message_id: int | None = None
    owner_id: int | None = None  # of a thread
    archived: bool = False
    locked: bool = False
    archive_changed_at: float = 0.0
    auto_archive_minutes: int = 1440
    thread_members: list[int] = field(default_factory=list)
    message_count: int = 0

    @property
    def is_thread(self) -> bool:
        return self.type in (ChannelType.PUBLIC_THREAD, ChannelType.PRIVATE_THREAD)


@dataclass(slots=True)
class Attachment:
    id: int
    channel_id: int
    filename: str
    content_type: str
    size: int  # bytes
    width: int | None = None
    height: int | None = None
    description: str | None = None

    @property
    def key(self) -> str:
        return f"attachments/{self.channel_id}/{self.id}/{self.filename}"


@dataclass(slots=True)
class Reaction:
    emoji_id: int | None
    emoji_name: str
    users: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Origin:
    """Which interaction a message answers."""

    interaction_id: int
    type: int
    user_id: int
    name: str = ""
    target_id: int | None = None  # the message whose component was used
    opened_by: "Origin | None" = None  # of a modal: the command or click that opened it


@dataclass(slots=True)
class Message:
    id: int
    channel_id: int
    author_id: int
    content: str = ""
    type: int = 0
    flags: int = 0
    tts: bool = False
    edited_at: float | None = None
    embeds: list[Payload] = field(default_factory=list)
    components: list[Payload] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    mentions: list[int] = field(default_factory=list)
    mention_roles: list[int] = field(default_factory=list)
    mention_everyone: bool = False
    reactions: list[Reaction] = field(default_factory=list)
    pinned_at: float | None = None
    reply_to: int | None = None  # a message of the same channel
    webhook_id: int | None = None
    webhook_name: str = ""  # the name and face of this one message
    webhook_avatar: str | None = None
    application_id: int | None = None
    origin: Origin | None = None
    only_for: int | None = None  # an ephemeral message is seen by this user alone, and kept by no one
    nonce: str | int | None = None


@dataclass(slots=True)
class Webhook:
    id: int
    channel_id: int
    guild_id: int
    creator_id: int
    name: str
    token: str
    avatar: str | None = None
    application_id: int | None = None


@dataclass(slots=True)
class Command:
    id: int
    application_id: int
    guild_id: int | None
    version: int
    body: Payload


@dataclass(slots=True)
class StoredFile:
    """Bytes the CDN serves: an attachment or an avatar."""

    key: str  # path under the CDN's address
    content_type: str
    data: bytes


Record = User | Guild | Channel | Message | Webhook | Command | StoredFile


@dataclass(frozen=True, slots=True)
class Change:
    """Something happened: `name` is the gateway event it becomes, `record` what it happened to."""

    name: str
    record: Record
    gone: bool = False  # the record is no more
    details: Payload = field(default_factory=dict)
    by: int | None = None  # who did it
