"""A headless Chromium driven through the DevTools protocol, for tests of the chat page.

`async with Browser() as browser:` starts one with a fresh profile; `find_chromium()` says whether there is one. What
the page threw or logged as an error is in `browser.errors`.
"""

import asyncio
import base64
import itertools
import json
import re
import shutil
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
KEYS = {  # key → (code, virtual key code, text)
    "Enter": ("Enter", 13, "\r"),
    "Tab": ("Tab", 9, ""),
    "Escape": ("Escape", 27, ""),
    "Backspace": ("Backspace", 8, ""),
    "ArrowUp": ("ArrowUp", 38, ""),
    "ArrowDown": ("ArrowDown", 40, ""),
}
CONTROL, SHIFT = 2, 8
WAITING = """new Promise(done => {
  const look = () => { let seen; try { seen = (%s); } catch {} seen ? done(seen) : setTimeout(look, 15); };
  look();
})"""


def find_chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class PageError(Exception):
    """JavaScript given to the page threw."""


class Browser:
    def __init__(self, width: int = 1280, height: int = 800) -> None:
        self.size = (width, height)
        self.errors: list[str] = []
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._page = ""
        self._life = AsyncExitStack()

    # ── life ──

    async def __aenter__(self) -> Self:
        chromium = find_chromium()
        assert chromium, "no chromium here: ask find_chromium() first"
        async with AsyncExitStack() as life:
            profile = life.enter_context(tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True))
            address = await self._start(chromium, profile, life)
            http = await life.enter_async_context(aiohttp.ClientSession())
            self._socket = await life.enter_async_context(http.ws_connect(address, max_msg_size=0))
            self._keep(life, self._read())
            await self._open_page()
            self._life = life.pop_all()
        return self

    async def _start(self, chromium: str, profile: str, life: AsyncExitStack) -> str:
        """Starts the process; returns the address it listens on."""
        process = await asyncio.create_subprocess_exec(
            chromium,
            *FLAGS,
            f"--user-data-dir={profile}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        life.push_async_callback(self._stop, process)
        assert process.stderr
        async for line in process.stderr:
            if found := re.search(rb"ws://\S+", line):
                self._keep(life, process.stderr.read())
                return found[0].decode()
        raise PageError("Chromium ended before it listened.")

    @staticmethod
    async def _stop(process: asyncio.subprocess.Process) -> None:
        if process.returncode is None:
            process.terminate()
        await process.wait()

    @staticmethod
    def _keep(life: AsyncExitStack, work: Coroutine[Any, Any, object]) -> None:
        """Runs beside the rest until the browser closes."""
        task = asyncio.create_task(work)

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        life.push_async_callback(end)

    async def _open_page(self) -> None:
        target = await self._send("Target.createTarget", url="about:blank")
        attached = await self._send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._page = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self._send(f"{domain}.enable")
        await self.resize(*self.size)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._life.aclose()

    # ── the protocol ──

    async def _send(self, method: str, **params: object) -> dict[str, Any]:
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        command: dict[str, object] = {"id": number, "method": method, "params": params}
        await self._socket.send_str(json.dumps(command | ({"sessionId": self._page} if self._page else {})))
        try:
            return await self._answers[number]
        finally:
            del self._answers[number]

    async def _read(self) -> None:
        async for frame in self._socket:
            message = json.loads(frame.data)
            if waiting := self._answers.get(message.get("id", 0)):
                if "error" in message:
                    waiting.set_exception(PageError(message["error"]["message"]))
                else:
                    waiting.set_result(message["result"])
            self._note(message.get("method"), message.get("params", {}))

    def _note(self, method: str | None, params: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    # ── what a person does ──

    async def open(self, url: str) -> None:
        await self._send("Page.navigate", url=url)
        await self.wait_for("document.readyState === 'complete'")

    async def evaluate(self, script: str) -> Any:
        """The value of an expression, or of the promise it is."""
        answer = await self._send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise PageError(answer["exceptionDetails"].get("exception", {}).get("description", "the script threw"))
        return answer["result"].get("value")

    async def wait_for(self, condition: str, seconds: float = 15.0) -> Any:
        """Waits until the JavaScript expression is truthy; returns its value, TimeoutError names the condition."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    try:
                        return await self.evaluate(WAITING % condition)
                    except PageError as error:  # the page was left meanwhile: look at the new one
                        if "context" not in str(error) and "navigat" not in str(error):
                            raise
        except TimeoutError:
            raise TimeoutError(f"the page never showed: {condition}\nits errors: {self.errors}") from None

    async def resize(self, width: int, height: int, *, phone: bool = False) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
        await self._send("Emulation.setDeviceMetricsOverride", **size)

    async def type(self, text: str) -> None:
        """Key by key into what has the focus."""
        for letter in text:
            await self._key("keyDown", key=letter, text=letter, unmodifiedText=letter)
            await self._key("keyUp", key=letter)

    async def press(self, key: str, *, shift: bool = False, control: bool = False) -> None:
        code, number, text = KEYS.get(key) or (f"Key{key.upper()}", ord(key.upper()), "" if control else key)
        modifiers = SHIFT * shift + CONTROL * control
        about = {"key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": modifiers}
        await self._key("keyDown" if text else "rawKeyDown", **about, **({"text": text} if text else {}))
        await self._key("keyUp", **about)

    async def _key(self, kind: str, **about: object) -> None:
        await self._send("Input.dispatchKeyEvent", type=kind, **about)

    async def hover(self, selector: str) -> None:
        x, y = await self._middle(selector)
        await self._send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    async def click(self, selector: str) -> None:
        """The middle of the first element that fits, once it is there."""
        x, y = await self._middle(selector)
        await self._send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for kind in ("mousePressed", "mouseReleased"):
            await self._send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def drag(self, *places: tuple[float, float], button: str = "left") -> None:
        """With the mouse from place to place of the window, pressed all the way."""
        (x, y), *others = places
        await self._mouse("mouseMoved", x, y)
        await self._mouse("mousePressed", x, y, button=button, buttons=1)
        for x, y in others:
            await self._mouse("mouseMoved", x, y, button=button, buttons=1)
        await self._mouse("mouseReleased", x, y, button=button)

    async def _mouse(self, kind: str, x: float, y: float, **about: object) -> None:
        await self._send("Input.dispatchMouseEvent", type=kind, x=x, y=y, clickCount=1, **about)

    async def touch(self, *fingers: list[tuple[float, float]]) -> None:
        """Fingers go down together, move through their places side by side, and lift."""
        kinds = ["touchStart", *["touchMove"] * (len(fingers[0]) - 1)]
        for kind, places in zip(kinds, zip(*fingers, strict=True), strict=True):
            points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
            await self._send("Input.dispatchTouchEvent", type=kind, touchPoints=points)
        await self._send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    async def _middle(self, selector: str) -> tuple[float, float]:
        found = f"document.querySelector({json.dumps(selector)})"
        await self.wait_for(f"{found}?.checkVisibility() || {found}")
        box = await self.evaluate(
            f"(() => {{ const e = {found}; e.scrollIntoViewIfNeeded(); const b = e.getBoundingClientRect();"
            " return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        return float(box[0]), float(box[1])

    async def screenshot(self, path: Path) -> None:
        picture = await self._send("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(picture["data"]))
