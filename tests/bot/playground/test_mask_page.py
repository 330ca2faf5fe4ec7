"""The mask page: painted on with real pointer events, saved into a persona's folder, and only for the owner."""

import io
import json
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

import aiohttp
import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from avatar.mask import crop_around
from bot.playground import Playground
from bot.playground.workshop import Workshop
from persona.cast import Cast
from tests.bot.playground.people import FAST
from tests.browser import Browser, find_chromium

PERSONAS = Path(__file__).resolve().parents[3] / "personas"
needs_chromium = pytest.mark.skipif(find_chromium() is None, reason="there is no chromium on this machine")
READY = "document.querySelector('#said').textContent.includes('mask.png')"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Marigold's folder, to be written to."""
    return Path(shutil.copytree(PERSONAS / "marigold", tmp_path / "personas" / "marigold"))


@pytest_asyncio.fixture
async def playground(folder: Path, tmp_path: Path) -> AsyncGenerator[Playground]:
    workshop = Workshop(Cast([folder.parent]), tmp_path / "state")
    async with Playground(rules=FAST, workshop=workshop) as playground:
        yield playground


@pytest_asyncio.fixture
async def browser(playground: Playground) -> AsyncGenerator[Browser]:
    async with Browser() as browser:
        await browser.open(f"{playground.address}mask")
        await browser.wait_for(READY)
        yield browser
        assert browser.errors == []


def values(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))


async def place(browser: Browser, across: float, down: float) -> tuple[float, float]:
    """Where a place of the portrait lies in the window, as fractions of its width and height."""
    box = await browser.evaluate(
        "(() => { const b = document.querySelector('#canvas').getBoundingClientRect();"
        " return [b.x, b.y, b.width, b.height]; })()"
    )
    side = min(box[2], box[3])  # the portrait is square
    return box[0] + (box[2] - side) / 2 + across * side, box[1] + (box[3] - side) / 2 + down * side


@needs_chromium
async def test_a_mask_is_painted_undone_saved_and_there_again(
    browser: Browser, playground: Playground, folder: Path
) -> None:
    old = (folder / "mask.png").read_bytes()
    await browser.click("#clear")
    await browser.wait_for("document.querySelector('#save').disabled")
    await browser.drag(await place(browser, 0.4, 0.45), await place(browser, 0.6, 0.45))
    await browser.drag(await place(browser, 0.1, 0.1), await place(browser, 0.2, 0.1))
    await browser.press("z", control=True)
    await browser.click("#save")
    await browser.wait_for("document.querySelector('#said').classList.contains('done')")
    saved = values(folder / "mask.png")
    assert saved.shape == (512, 512) and (saved[225:235, 205:307] == 255).all()
    assert not saved[:120].any() and not saved[:, :150].any()
    assert (folder / "mask.before-1.png").read_bytes() == old
    await browser.open("about:blank")
    await browser.open(f"{playground.address}mask")
    await browser.wait_for(READY)
    shown = await browser.evaluate("document.querySelector('#place').textContent")
    rows, columns = np.flatnonzero(saved.any(1)), np.flatnonzero(saved.any(0))
    assert shown.startswith(f"{columns[-1] - columns[0] + 1} × {rows[-1] - rows[0] + 1} pixels")


@needs_chromium
async def test_the_brush_erases_and_grows_by_keys_and_undo_goes_both_ways(browser: Browser) -> None:
    place_shown = "document.querySelector('#place').textContent"
    before = await browser.evaluate(place_shown)
    size = await browser.evaluate("Number(document.querySelector('#size').value)")
    await browser.press("]")
    assert await browser.evaluate("Number(document.querySelector('#size').value)") > size
    await browser.press("[")
    await browser.press("[")
    assert await browser.evaluate("Number(document.querySelector('#size').value)") < size
    await browser.press("e")
    assert await browser.evaluate("document.querySelector('#erase').getAttribute('aria-checked')") == "true"
    await browser.drag(await place(browser, 0.2, 0.5), await place(browser, 0.8, 0.5))
    erased = await browser.wait_for(f"{place_shown} !== {json.dumps(before)} && {place_shown}")
    await browser.press("z", control=True)
    await browser.wait_for(f"{place_shown} === {json.dumps(before)}")
    await browser.press("z", control=True, shift=True)
    await browser.wait_for(f"{place_shown} === {json.dumps(erased)}")


@needs_chromium
async def test_on_a_phone_one_finger_paints_and_two_zoom(browser: Browser) -> None:
    await browser.resize(390, 844, phone=True)
    await browser.wait_for("document.querySelector('#canvas').clientWidth < 390")
    assert await browser.evaluate("document.documentElement.scrollWidth") <= 390
    await browser.click("#clear")
    await browser.evaluate("window.scrollTo(0, 0)")
    await browser.touch([await place(browser, 0.45, 0.5), await place(browser, 0.55, 0.5)])
    one = await browser.evaluate("document.querySelector('#place').textContent")
    assert " % of the picture" in one and "Nothing" not in one
    left, right = await place(browser, 0.45, 0.4), await place(browser, 0.55, 0.4)
    await browser.touch([left, (left[0] - 60, left[1])], [right, (right[0] + 60, right[1])])
    assert await browser.evaluate("document.querySelector('#place').textContent") == one, "a pinch paints nothing"
    here = await place(browser, 0.5, 0.5)
    await browser.press("e")
    await browser.touch([here, (here[0], here[1] + 1)])
    assert await browser.evaluate("!document.querySelector('#undo').disabled")


@needs_chromium
async def test_the_crop_shown_is_the_one_that_is_painted(browser: Browser) -> None:
    script = """import('/page/maskcrop.js').then(m => {
      const width = %d, height = %d, values = new Uint8Array(width * height);
      for (let y = %d; y < %d; y++) for (let x = %d; x < %d; x++) values[y * width + x] = 9;
      const crop = m.cropAround(m.boxOf(values, width, height), width, height);
      return [crop.left, crop.top, crop.side];
    })"""
    for width, height, top, bottom, left, right in (
        (512, 512, 130, 400, 100, 380),
        (300, 200, 0, 199, 0, 299),
        (200, 400, 390, 400, 0, 5),
        (64, 1000, 10, 500, 0, 60),
    ):
        mask = np.zeros((height, width), np.uint8)
        mask[top:bottom, left:right] = 9
        crop = crop_around(mask)
        shown = await browser.evaluate(script % (width, height, top, bottom, left, right))
        assert shown == [crop.left, crop.top, crop.side]


@needs_chromium
async def test_a_read_only_folder_and_a_broken_portrait_are_said(
    browser: Browser, playground: Playground, folder: Path
) -> None:
    (folder / "base.png").write_bytes(b"no picture")
    await browser.evaluate("document.querySelector('#persona').dispatchEvent(new Event('change'))")
    await browser.wait_for("document.querySelector('#said.failed')?.textContent.includes('base.png')")
    browser.errors.clear()  # a refusal is an error to Chromium's log: this one was asked for


async def asked(playground: Playground, method: str, path: str, name: str, data: bytes = b"") -> tuple[int, bytes]:
    headers = {"Authorization": playground.user_token(name)} if name else {}
    url = f"{playground.api_base}/mien/personas{path}"
    async with aiohttp.ClientSession() as session, session.request(method, url, headers=headers, data=data) as reply:
        return reply.status, await reply.read()


async def test_only_the_owner_may_look_and_write(playground: Playground, folder: Path) -> None:
    old = (folder / "mask.png").read_bytes()
    for name, status in (("", 401), ("Robin", 403)):
        for method, path in (("GET", ""), ("GET", "/marigold/mask"), ("PUT", "/marigold/mask")):
            assert (await asked(playground, method, path, name, old))[0] == status
    assert (folder / "mask.png").read_bytes() == old and not (folder / "mask.before-1.png").exists()
    assert (await asked(playground, "GET", "", "You"))[0] == 200


async def test_what_is_no_mask_is_refused_in_one_sentence(playground: Playground, folder: Path, tmp_path: Path) -> None:
    old, black = (folder / "mask.png").read_bytes(), tmp_path / "black.png"
    Image.new("L", (512, 512)).save(black)
    for sent, said in (
        (b"", "empty file"),
        (b"mask", "not a picture"),
        (b"\x89PNG\r\n\x1a\nxx", "picture"),
        (black.read_bytes(), "Nothing is painted"),
    ):
        status, body = await asked(playground, "PUT", "/marigold/mask", "You", sent)
        assert status == 400 and said in json.loads(body)["message"]
    assert (folder / "mask.png").read_bytes() == old
    status, body = await asked(playground, "GET", "/nobody/mask", "You")
    assert status == 400 and "known are: marigold" in json.loads(body)["message"]


async def test_a_small_mask_of_a_large_portrait_comes_back_in_its_size(playground: Playground, folder: Path) -> None:
    Image.new("RGB", (1500, 2000), "teal").save(folder / "base.png")
    Image.new("L", (1500, 2000), 255).save(folder / "mask.png")
    status, body = await asked(playground, "GET", "/marigold/portrait", "You")
    assert status == 200 and Image.open(io.BytesIO(body)).size == (768, 1024)
    small = Image.new("L", (768, 1024), 0)
    small.paste(255, (300, 400, 500, 600))
    small.save(folder / "sent.png")
    status, _ = await asked(playground, "PUT", "/marigold/mask", "You", (folder / "sent.png").read_bytes())
    saved = values(folder / "mask.png")
    assert status == 200 and saved.shape == (2000, 1500)
    assert saved[1000, 780] == 255 and saved[700, 780] == 0


async def test_without_a_workshop_the_page_says_how_to_get_one() -> None:
    async with Playground(rules=FAST) as alone:
        status, body = await asked(alone, "GET", "", "You")
    assert status == 404 and "mien run" in json.loads(body)["message"]
