"""The doors: who may come in, what is served how."""

import json
import re
from html import unescape

import aiohttp
import pytest

from bot.playground import Playground, PlaygroundError
from tests.bot.playground.people import Person, picture


async def test_a_taken_port_is_one_sentence(playground: Playground) -> None:
    with pytest.raises(PlaygroundError) as refused:
        async with Playground(playground.port):
            pass
    assert str(refused.value).startswith(f"Port {playground.port} of 127.0.0.1 cannot be used")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example:80"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Host": "127.0.0.1@evil.example"}, 403),
        ({"Host": "localhost:1234"}, 200),
        ({"Host": "[::1]:80"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_other_names_and_other_pages_are_shut_out(
    playground: Playground, headers: dict[str, str], status: int
) -> None:
    async with aiohttp.ClientSession() as session, session.get(playground.address, headers=headers) as response:
        assert response.status == status


async def test_the_page_alone_carries_the_tokens_under_a_strict_policy(playground: Playground) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(playground.address) as response:
            page, policy = await response.text(), response.headers["Content-Security-Policy"]
        found = re.search(r'<script type="application/json" id="session">(.*?)</script>', page)
        assert found
        people = json.loads(unescape(found[1]))["people"]
        assert [person["name"] for person in people] == ["You", "Robin", "Sam"]
        assert playground.bot_token not in page
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        for name in ("app.js", "style.css", "icon.svg"):
            async with session.get(f"{playground.address}page/{name}") as response:
                assert response.status == 200
                text = await response.text()
                assert not any(person["token"] in text for person in people)
        for name in ("%2e%2e%2fserver.py", "nothing.js", "index.html"):
            async with session.get(f"{playground.address}page/{name}") as response:
                assert response.status == 404


@pytest.mark.parametrize(
    ("filename", "data", "content_type", "disposition"),
    [
        ("face.png", picture(), "image/png", "inline"),
        ("page.html", b"<script>alert(1)</script>", "application/octet-stream", "attachment"),
        ("drawing.svg", b"<svg onload='alert(1)'/>", "application/octet-stream", "attachment"),
    ],
)
async def test_only_pictures_are_shown_in_the_browser(
    you: Person, filename: str, data: bytes, content_type: str, disposition: str
) -> None:
    channel = next(iter(you.playground.world.channels))
    form = aiohttp.FormData()
    form.add_field("payload_json", "{}")
    form.add_field("files[0]", data, filename=filename)
    url = f"{you.playground.api_base}/channels/{channel}/messages"
    async with you.session.post(url, data=form, headers={"Authorization": you.token}) as response:
        [attachment] = (await response.json())["attachments"]
    async with you.session.get(attachment["url"]) as response:
        assert (response.content_type, response.headers["Content-Disposition"]) == (content_type, disposition)
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert await response.read() == data
    for forged in (attachment["url"].partition("?")[0], attachment["url"].replace("hm=", "hm=0")):
        async with you.session.get(forged) as response:
            assert response.status == 404


async def test_default_avatars_are_pictures(playground: Playground) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{playground.cdn_base}/embed/avatars/3.png") as response:
            assert (await response.read()).startswith(b"\x89PNG")
        async with session.get(f"{playground.cdn_base}/embed/avatars/99.png") as response:
            assert response.status == 404


async def test_unknown_routes_and_broken_bodies_are_refused_in_json(you: Person) -> None:
    assert await you.ask("GET", "/nowhere") == (404, {"message": "404: Not Found", "code": 0})
    assert (await you.ask("GET", "/channels/1"))[1] == {"message": "Unknown Channel", "code": 10003}
    assert (await you.ask("GET", "/channels/abc"))[1]["code"] == 50035
    url = f"{you.playground.api_base}/users/@me/channels"
    for body in ("{", "[1]", '"x"'):
        async with you.session.post(url, data=body, headers={"Authorization": you.token}) as response:
            assert response.status == 400, body
            assert "message" in await response.json()
