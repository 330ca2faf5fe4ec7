"""Draft → message: files are stored, mentions found, replies resolved, and the message enters the world."""

import io
import mimetypes
import re
import time
import warnings

from PIL import Image, UnidentifiedImageError

from bot.playground.drafts import AllowedMentions, Draft, NewFile, empty_message
from bot.playground.errors import bad_form
from bot.playground.permissions import Permission
from bot.playground.records import Attachment, Channel, Message, MessageFlag
from bot.playground.world import World

USER_MENTION = re.compile(r"<@!?(\d+)>")
ROLE_MENTION = re.compile(r"<@&(\d+)>")
EVERYONE_MENTION = re.compile(r"@(?:everyone|here)\b")
REPLY = 19


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels if the bytes are a picture."""
    try:
        with warnings.catch_warnings():  # a decompression bomb is no reason to stop serving
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as picture:
                return picture.size
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return None


class Composer:
    def __init__(self, world: World) -> None:
        self.world = world

    def fill(self, message: Message, draft: Draft) -> Message:
        """Puts the draft into a message that is not in the world yet."""
        channel = self.world.channel(message.channel_id)
        message.content = draft.content.strip()
        message.embeds, message.components = draft.embeds, draft.components
        message.flags |= draft.flags
        message.tts, message.nonce = draft.tts, draft.nonce
        self._reply(message, draft)
        message.attachments = [self.attach(channel, file) for file in draft.files]
        self._refuse_empty(message)
        self._mention(message, channel, draft.mentions)
        return message

    def send(self, message: Message, draft: Draft) -> Message:
        return self.world.add_message(self.fill(message, draft))

    def edit(self, message: Message, draft: Draft) -> Message:
        """Changes what the draft names and leaves the rest; attachments it does not list are gone."""
        channel = self.world.channel(message.channel_id)
        for name in draft.given & {"content", "embeds", "components"}:
            setattr(message, name, getattr(draft, name))
        if "flags" in draft.given:
            message.flags |= draft.flags & (MessageFlag.SUPPRESS_EMBEDS | MessageFlag.COMPONENTS_V2)
        if draft.kept is not None:
            message.attachments = [one for one in message.attachments if one.id in draft.kept]
        message.attachments = message.attachments + [self.attach(channel, file) for file in draft.files]
        self._refuse_empty(message)
        self._mention(message, channel, draft.mentions)
        if not message.flags & MessageFlag.LOADING:  # filling a deferred answer is no edit
            message.edited_at = time.time()
        message.flags &= ~MessageFlag.LOADING
        self.world.change_message(message)
        return message

    @staticmethod
    def _refuse_empty(message: Message) -> None:
        if not (message.content or message.embeds or message.attachments or message.components):
            raise empty_message()

    def _reply(self, message: Message, draft: Draft) -> None:
        if draft.reply_to is None:
            return
        if draft.reply_to in self.world.messages[message.channel_id]:
            message.reply_to, message.type = draft.reply_to, REPLY
        elif draft.reply_must_exist:
            raise bad_form("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")

    def attach(self, channel: Channel, file: NewFile) -> Attachment:
        """Stores a file under an address of the channel's."""
        data = file.upload.data
        content_type = mimetypes.guess_type(file.filename)[0] or file.upload.content_type
        size = picture_size(data) if content_type.startswith("image/") else None
        width, height = size or (None, None)
        attachment = Attachment(
            self.world.ids.next(), channel.id, file.filename, content_type, len(data), width, height, file.description
        )
        self.world.keep_file(attachment.key, content_type, data)
        return attachment

    def _mention(self, message: Message, channel: Channel, allowed: AllowedMentions) -> None:
        """Discord lists a mentioned user only where `allowed_mentions` lets the text ping."""
        named = dict.fromkeys(int(found) for found in USER_MENTION.findall(message.content))
        message.mentions = [
            user_id
            for user_id in named
            if user_id in self.world.users and ("users" in allowed.parse or user_id in allowed.users)
        ]
        roles = dict.fromkeys(int(found) for found in ROLE_MENTION.findall(message.content))
        message.mention_roles = [role for role in roles if "roles" in allowed.parse or role in allowed.roles]
        may = message.webhook_id or self.world.permissions(message.author_id, channel) & Permission.MENTION_EVERYONE
        everyone = "everyone" in allowed.parse and EVERYONE_MENTION.search(message.content)
        message.mention_everyone = bool(everyone and may)
        self._mention_replied(message, allowed)

    def _mention_replied(self, message: Message, allowed: AllowedMentions) -> None:
        target = self.world.messages[message.channel_id].get(message.reply_to or 0)
        if target is None or not allowed.replied_user or target.author_id not in self.world.users:
            return
        if target.author_id not in message.mentions:
            message.mentions.append(target.author_id)
