"""The shape of the database, one numbered step after another.

A step is never changed once it was released: a new shape is a new function at the end. Which steps a file has
seen stands in its table `migrations`. This file knows SQL and nothing of what the rows mean.
"""

import time
from collections.abc import Awaitable, Callable

import aiosqlite

from bot.errors import MienError

Migration = Callable[[aiosqlite.Connection], Awaitable[None]]
MIGRATIONS: list[Migration] = []
migration = MIGRATIONS.append


class HistoryError(MienError):
    """The database cannot be used; its text says which file and what to do."""


async def migrate(db: aiosqlite.Connection) -> list[str]:
    """Apply every missing step, each in a transaction of its own; returns the names of the applied ones.

    Raises:
        HistoryError: a newer Mien has written this file.
    """
    applied = await version(db)
    if applied > len(MIGRATIONS):
        raise HistoryError(
            f"the database is of version {applied}, this Mien knows versions up to {len(MIGRATIONS)}: update Mien."
        )
    names = []
    for number, step in enumerate(MIGRATIONS[applied:], start=applied + 1):
        await _apply(db, number, step)
        names.append(step.__name__)
    return names


async def version(db: aiosqlite.Connection) -> int:
    """The number of the newest step this file has seen; 0 for an empty file."""
    await db.execute(
        "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, at REAL NOT NULL)"
    )
    async with db.execute("SELECT coalesce(max(number), 0) FROM migrations") as cursor:
        row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def _apply(db: aiosqlite.Connection, number: int, step: Migration) -> None:
    await db.execute("BEGIN IMMEDIATE")
    try:
        await step(db)
        await db.execute("INSERT INTO migrations VALUES (?, ?, ?)", (number, step.__name__, time.time()))
    except BaseException:
        await db.execute("ROLLBACK")
        raise
    await db.execute("COMMIT")


@migration
async def m001_conversation(db: aiosqlite.Connection) -> None:
    """What was said, how it felt, and who speaks where."""
    await db.execute(
        """CREATE TABLE turns (
            id INTEGER PRIMARY KEY,
            channel INTEGER NOT NULL,
            persona TEXT NOT NULL,
            role TEXT NOT NULL,
            name TEXT NOT NULL,
            text TEXT NOT NULL,
            feeling TEXT NOT NULL DEFAULT '',
            at REAL NOT NULL,
            user INTEGER,            -- the member who said it; NULL for a character
            message INTEGER UNIQUE,  -- the member's Discord message
            answers INTEGER UNIQUE   -- the Discord message a character's turn answers
        )"""
    )
    await db.execute("CREATE INDEX turns_of_channel ON turns (channel, persona, id)")
    await db.execute(
        """CREATE TABLE moods (
            channel INTEGER NOT NULL, persona TEXT NOT NULL, mood TEXT NOT NULL, PRIMARY KEY (channel, persona)
        )"""
    )
    await db.execute("CREATE TABLE channels (channel INTEGER PRIMARY KEY, persona TEXT, last_seen INTEGER)")


_DELIVERY_TABLES = (
    """CREATE TABLE open_turns (
        message INTEGER PRIMARY KEY,
        guild INTEGER,
        channel INTEGER NOT NULL,
        user INTEGER NOT NULL,
        name TEXT NOT NULL,
        text TEXT NOT NULL,      -- emptied when the turn is closed
        at REAL NOT NULL,
        persona TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        closed_at REAL
    )""",
    "CREATE INDEX turns_unanswered ON open_turns (message) WHERE closed_at IS NULL",
    """CREATE TABLE posts (
        message INTEGER PRIMARY KEY, channel INTEGER NOT NULL, persona TEXT NOT NULL, answers INTEGER NOT NULL
    )""",
    "CREATE INDEX posts_of_answer ON posts (answers, message)",
    """CREATE TABLE worn (
        channel INTEGER NOT NULL,
        persona TEXT NOT NULL,
        expression TEXT NOT NULL,
        suffixed INTEGER NOT NULL,  -- does the name carry the invisible suffix now?
        face TEXT NOT NULL,
        PRIMARY KEY (channel, persona)
    )""",
    """CREATE TABLE faces (
        guild INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        channel INTEGER NOT NULL,
        message INTEGER NOT NULL,
        url TEXT NOT NULL,
        PRIMARY KEY (guild, sha256)
    )""",
)


@migration
async def m002_delivery(db: aiosqlite.Connection) -> None:
    """What was asked and not yet answered, what was posted, what was worn, and where faces are kept on Discord."""
    for statement in _DELIVERY_TABLES:
        await db.execute(statement)


@migration
async def m003_variations(db: aiosqlite.Connection) -> None:
    """Other words for a character's turn, the shown ones among them; they go when the turn goes, however it goes."""
    await db.execute(
        """CREATE TABLE variations (
            turn INTEGER NOT NULL,
            rank INTEGER NOT NULL,   -- 0 is what was said first, the rest best first
            text TEXT NOT NULL,
            feeling TEXT NOT NULL,   -- the expression it was said with
            chosen INTEGER NOT NULL, -- is it what the turn says now?
            PRIMARY KEY (turn, rank)
        ) WITHOUT ROWID"""
    )
    await db.execute(
        """CREATE TRIGGER variations_go_with_their_turn AFTER DELETE ON turns
           BEGIN DELETE FROM variations WHERE turn = old.id; END"""
    )


_READINGS = (
    """CREATE TABLE readings (
        turn INTEGER PRIMARY KEY,
        channel INTEGER NOT NULL,
        persona TEXT NOT NULL,
        said BLOB,  -- how the words sound, how the character feels: 28 floats of 4 bytes each;
        felt BLOB,  -- NULL where the words were changed and not read again yet
        mood TEXT   -- after the turn, as JSON; NULL where this turn or one before it was changed
    )""",
    "CREATE INDEX readings_of_channel ON readings (channel, persona, turn)",
    """CREATE TRIGGER readings_go_with_their_turn AFTER DELETE ON turns
       BEGIN
           DELETE FROM readings WHERE turn = old.id;
           UPDATE readings SET mood = NULL WHERE channel = old.channel AND persona = old.persona AND turn > old.id;
       END""",
    """CREATE TRIGGER readings_follow_their_turn AFTER UPDATE OF text ON turns WHEN new.text <> old.text
       BEGIN
           UPDATE readings SET said = NULL, felt = NULL WHERE turn = old.id;
           UPDATE readings SET mood = NULL WHERE channel = old.channel AND persona = old.persona AND turn >= old.id;
       END""",
)


@migration
async def m004_readings(db: aiosqlite.Connection) -> None:
    """What was read from each turn, and the mood after it. A mood in `moods` is from before the first reading."""
    for statement in _READINGS:
        await db.execute(statement)


@migration
async def m005_member_faces(db: aiosqlite.Connection) -> None:
    """Which faces the bot wore itself in each server, and since when: what its budget of changes is counted by."""
    await db.execute("CREATE TABLE member_faces (guild INTEGER NOT NULL, sha256 TEXT NOT NULL, at REAL NOT NULL)")


_TURNS_OF_SCENES = (
    """CREATE TABLE told (
        id INTEGER PRIMARY KEY,
        channel INTEGER NOT NULL,
        persona TEXT NOT NULL,   -- whose memory this is
        role TEXT NOT NULL,
        name TEXT NOT NULL,
        text TEXT NOT NULL,
        feeling TEXT NOT NULL DEFAULT '',
        at REAL NOT NULL,
        user INTEGER,            -- the member who said it; NULL for a character
        message INTEGER,         -- the member's Discord message
        answers INTEGER,         -- the Discord message that a character's line answers, its own or another's
        step INTEGER NOT NULL DEFAULT 0  -- which of the replies to that message it is
    )""",
    "INSERT INTO told SELECT *, 0 FROM turns",
    "DROP TABLE turns",  # with its triggers and indices
    "ALTER TABLE told RENAME TO turns",
    "CREATE INDEX turns_of_channel ON turns (channel, persona, id)",
    "CREATE UNIQUE INDEX turns_of_message ON turns (message, persona)",
    "CREATE UNIQUE INDEX turns_of_answer ON turns (answers, step, persona)",
    """CREATE TRIGGER variations_go_with_their_turn AFTER DELETE ON turns
       BEGIN DELETE FROM variations WHERE turn = old.id; END""",
    *_READINGS[2:],
)
_SCENES = (
    """CREATE TABLE scenes (
        channel INTEGER NOT NULL,
        persona TEXT NOT NULL,
        place INTEGER NOT NULL,  -- in the order of joining
        PRIMARY KEY (channel, persona)
    ) WITHOUT ROWID""",
    "INSERT INTO scenes SELECT channel, persona, 0 FROM channels WHERE persona IS NOT NULL",
    "ALTER TABLE channels DROP COLUMN persona",
    "ALTER TABLE posts ADD COLUMN step INTEGER NOT NULL DEFAULT 0",
    "DROP INDEX posts_of_answer",
    "CREATE INDEX posts_of_answer ON posts (answers, step, message)",
    """CREATE TABLE owed (
        message INTEGER NOT NULL,
        step INTEGER NOT NULL DEFAULT 0,   -- which of the replies to the message this is
        guild INTEGER,
        channel INTEGER NOT NULL,
        user INTEGER NOT NULL,
        name TEXT NOT NULL,
        text TEXT NOT NULL,                -- emptied when the turn is closed
        at REAL NOT NULL,
        persona TEXT NOT NULL,
        waiting TEXT NOT NULL DEFAULT '[]',  -- who speaks after it, as JSON
        attempts INTEGER NOT NULL DEFAULT 0,
        closed_at REAL,
        PRIMARY KEY (message, step)
    )""",
    "INSERT INTO owed SELECT message, 0, guild, channel, user, name, text, at, persona, '[]', attempts, closed_at"
    " FROM open_turns",
    "DROP TABLE open_turns",
    "ALTER TABLE owed RENAME TO open_turns",
    "CREATE INDEX turns_unanswered ON open_turns (message, step) WHERE closed_at IS NULL",
)
_SURROUNDINGS = (
    """CREATE TABLE masks (
        guild INTEGER NOT NULL,  -- 0 in direct messages
        user INTEGER NOT NULL,
        name TEXT NOT NULL,
        description TEXT NOT NULL,
        PRIMARY KEY (guild, user)
    ) WITHOUT ROWID""",
    """CREATE TABLE books (
        id INTEGER PRIMARY KEY,
        guild INTEGER NOT NULL,    -- 0 in direct messages
        channel INTEGER NOT NULL,  -- 0 for a book of the whole guild
        name TEXT NOT NULL,
        content TEXT NOT NULL,     -- the file as it came
        UNIQUE (guild, channel, name)
    )""",
    """CREATE TABLE lore_times (
        channel INTEGER NOT NULL,
        persona TEXT NOT NULL,
        state TEXT NOT NULL,       -- which entries stay awake or rest, and for how long, as JSON
        PRIMARY KEY (channel, persona)
    ) WITHOUT ROWID""",
)


@migration
async def m006_scenes(db: aiosqlite.Connection) -> None:
    """Several personas in a channel, each with a memory of its own of what it heard; members' masks; books of lore."""
    for statement in (*_TURNS_OF_SCENES, *_SCENES, *_SURROUNDINGS):
        await db.execute(statement)
