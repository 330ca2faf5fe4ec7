"""python -m bot.playground --port N: the playground alone, for a bot in another process."""

import argparse
import asyncio
import contextlib
import os
import sys
from pathlib import Path

from bot.playground import Playground, PlaygroundError

DEFAULT_PORT = 8765


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bot.playground", description=__doc__)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="port on 127.0.0.1 (0: any free one)")
    parser.add_argument("--state", type=Path, help="SQLite file that keeps the world over a restart")
    return parser.parse_args()


async def serve(port: int, state: Path | None) -> None:
    """The bot's token is MIEN_PLAYGROUND_TOKEN from the environment, else a fresh one."""
    async with Playground(port, state=state, bot_token=os.environ.get("MIEN_PLAYGROUND_TOKEN", "")) as playground:
        print(f"chat page    {playground.address}")
        print(f"api_base     {playground.api_base}")
        print(f"gateway_url  {playground.gateway_url}")
        print(f"cdn_base     {playground.cdn_base}")
        print(f"bot token    {playground.bot_token}", flush=True)
        await asyncio.Event().wait()


def main() -> int:
    arguments = read_arguments()
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(arguments.port, arguments.state))
    except PlaygroundError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
