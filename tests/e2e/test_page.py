"""A person at the page: a message typed in Chromium is answered under a painted face."""

from pathlib import Path

import pytest

from tests.browser import Browser, find_chromium
from tests.e2e.processes import ROOT, bot, playground

pytestmark = pytest.mark.skipif(not find_chromium(), reason="no chromium on this machine")
ANSWER = "#messages article.message .content"


async def test_a_typed_message_is_answered_under_a_face(
    tmp_path: Path, model_cache: Path, request: pytest.FixtureRequest
) -> None:
    async with playground(tmp_path) as world, bot(world, tmp_path, model_cache), Browser() as browser:
        await browser.open(world.address)
        for text in ("Marigold, I got the job! I am so happy!", "You are mean and your bread is awful!"):
            count = await browser.evaluate("document.querySelectorAll('#messages article.message').length")
            await browser.click("#composer")
            await browser.type(text)
            await browser.press("Enter")
            await browser.wait_for(f"document.querySelectorAll('#messages article.message').length >= {count + 2}", 90)
        faces = "[...document.querySelectorAll('#messages article.message img.avatar')]"
        await browser.wait_for(f"{faces}.length >= 4 && {faces}.every(face => face.complete && face.naturalWidth > 0)")
        assert await browser.evaluate(f"new Set({faces}.map(face => face.src)).size") >= 3, "one face for two feelings"
        authors = await browser.evaluate("[...document.querySelectorAll('.author')].map(author => author.textContent)")
        assert any("Marigold" in author for author in authors)
        await browser.wait_for("!document.querySelector('#typing').textContent.trim()", 90)
        if request.config.getoption("--screenshots"):
            await browser.screenshot(ROOT / "docs" / "playground.png")
        assert not browser.errors
