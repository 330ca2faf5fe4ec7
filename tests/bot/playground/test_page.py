"""The chat page in a real browser, with unmodified discord.py on the other side."""

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path

import discord
import pytest
import pytest_asyncio
from discord import app_commands

from bot.playground import Playground
from tests.bot.playground.people import Person, picture
from tests.browser import Browser, find_chromium

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="there is no chromium on this machine")
LAST = "[...document.querySelectorAll('article.message')].at(-1)"
RENDER = (
    "import('/page/markdown.js').then(m => { const b = document.createElement('div'); b.append(...m.render(%s)); %s })"
)


@pytest_asyncio.fixture
async def browser(playground: Playground) -> AsyncGenerator[Browser]:
    async with Browser() as browser:
        await browser.open(playground.address)
        await browser.wait_for("document.querySelector('.channel.active') && document.querySelector('#composer')")
        yield browser
        assert browser.errors == []


async def says(browser: Browser, text: str) -> None:
    await browser.click("#composer")
    await browser.type(text)
    await browser.press("Enter")


def shown(text: str) -> str:
    return f"[...document.querySelectorAll('.content')].some(e => e.textContent.includes({json.dumps(text)}))"


async def test_what_is_typed_is_said_edited_and_deleted(
    browser: Browser, client: discord.Client, general: discord.TextChannel
) -> None:
    heard = asyncio.ensure_future(client.wait_for("message", timeout=10))
    await browser.click("#composer")
    await browser.type("two")
    await browser.press("Enter", shift=True)
    await browser.type("lines")
    await browser.press("Enter")
    message = await heard
    assert (message.content, message.author.display_name) == ("two\nlines", "You")
    await browser.wait_for(f"{LAST}?.dataset.id === '{message.id}' && !document.querySelector('#composer').value")
    await browser.press("ArrowUp")
    await browser.wait_for("document.activeElement.matches('.editor')")
    await browser.type("!")
    await browser.press("Enter")
    await browser.wait_for(f"{LAST}.querySelector('.edited') && {LAST}.textContent.includes('lines!')")
    await browser.hover("article.message")
    await browser.click("article.message [data-action=trash]")
    await browser.click("dialog .danger")
    await browser.wait_for("!document.querySelector('article.message')")
    with pytest.raises(discord.NotFound):
        await message.fetch()


async def test_a_streamed_reply_grows_under_the_personas_name_and_face(
    browser: Browser, general: discord.TextChannel, playground: Playground
) -> None:
    webhook = await general.create_webhook(name="Mien", avatar=picture("grey"))
    await general.typing()
    await browser.wait_for("document.querySelector('#typing').textContent === 'Mien is typing…'")
    avatar = webhook.display_avatar.url
    message = await webhook.send("Once", username="Marigold", avatar_url=avatar, wait=True)
    await browser.wait_for(f"{LAST}?.querySelector('.author').textContent === 'Marigold'")
    await message.edit(content="Once upon a time")
    await browser.wait_for(shown("Once upon a time"))
    face = await browser.wait_for(
        f"{LAST}.querySelector('img.avatar').complete && {LAST}.querySelector('img.avatar').src"
    )
    assert message.author.avatar and message.author.avatar.key in face
    assert await browser.evaluate(f"{LAST}.querySelector('img.avatar').naturalWidth") == 32
    assert await browser.evaluate(f"{LAST}.querySelector('.tag').textContent") == "APP"
    assert not await browser.evaluate(f"{LAST}.querySelector('.edited')")


async def test_the_same_name_hides_a_second_face_and_another_name_shows_it(
    browser: Browser, general: discord.TextChannel
) -> None:
    webhook = await general.create_webhook(name="Mien")
    for name in ("Marigold", "Marigold", "Marigold\u200a\u17b5"):
        await webhook.send("Hello", username=name, wait=True)
    await browser.wait_for("document.querySelectorAll('article.message').length === 3")
    visible = "[...document.querySelectorAll('img.avatar')].map(face => face.checkVisibility())"
    assert await browser.evaluate(visible) == [True, False, True]


class Again(discord.ui.View):
    @discord.ui.button(label="Again", custom_id="again")
    async def again(self, interaction: discord.Interaction, _: discord.ui.Button["Again"]) -> None:
        await interaction.response.edit_message(content="again it is")


def register(client: discord.Client) -> app_commands.CommandTree:
    """Two commands, one of them with an option that completes itself."""
    tree = app_commands.CommandTree(client)

    @tree.command(description="Choose who speaks")
    async def persona(interaction: discord.Interaction, name: str, loud: bool = False) -> None:
        await interaction.response.send_message(f"{name} loud={loud}", view=Again(), ephemeral=True)

    @persona.autocomplete("name")
    async def names(_: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=n.title(), value=n) for n in ("marigold", "bramble") if n.startswith(typed)]

    @tree.command(description="How it feels")
    async def mood(interaction: discord.Interaction) -> None: ...

    return tree


async def test_slash_commands_options_autocomplete_and_buttons(browser: Browser, client: discord.Client) -> None:
    tree = register(client)
    await tree.sync()
    await browser.click("#composer")
    await browser.type("/")
    await browser.wait_for("document.querySelectorAll('#commands .command').length === 2")
    await browser.type("pe")
    await browser.wait_for("document.querySelectorAll('#commands .command').length === 1")
    await browser.press("Tab")
    await browser.type("mar")
    await browser.wait_for("document.querySelector('#commands .choice[data-value=marigold]')")
    await browser.wait_for("document.querySelectorAll('#commands .choice[data-value]').length === 1")
    await browser.press("Enter")
    await browser.wait_for("document.querySelector('#commands .choice[data-option=loud]')")
    await browser.press("Tab")  # nothing is chosen at the end: the first Tab takes the first offer
    await browser.wait_for("document.activeElement.dataset.option === 'loud'")
    await browser.press("Enter")  # True is offered first
    await browser.press("Enter")
    await browser.wait_for(shown("marigold loud=True"))
    assert await browser.evaluate(
        f"{LAST}.matches('.ephemeral') && {LAST}.textContent.includes('Only you can see this')"
    )
    await browser.click("[data-custom-id=again]")
    await browser.wait_for(shown("again it is"))
    await browser.click(".only-you button")
    await browser.wait_for("!document.querySelector('article.message')")


async def test_another_member_speaks_and_unread_channels_show(
    browser: Browser, client: discord.Client, general: discord.TextChannel, playground: Playground
) -> None:
    await browser.click(".speaker[title='Speak as Robin']")
    await browser.wait_for("document.querySelector('#me b').textContent === 'Robin'")
    await says(browser, "I am Robin")
    await browser.wait_for(f"{LAST}?.querySelector('.author').textContent === 'Robin'")
    tavern = discord.utils.get(general.guild.text_channels, name="tavern")
    assert tavern
    robin = discord.utils.get(general.guild.members, name="robin")
    assert robin
    await tavern.send(f"come here, {robin.mention}")
    await browser.wait_for("document.querySelector('.channel.unread .count')?.textContent === '1'")
    await browser.click(f".channel[data-id='{tavern.id}']")
    await browser.wait_for(f"{LAST}?.matches('.mentioned') && !document.querySelector('.channel.unread')")
    assert await browser.evaluate(f"{LAST}.querySelector('.mention').textContent") == "@Robin"


async def test_the_page_comes_back_after_a_lost_connection(
    browser: Browser, playground: Playground, you: Person
) -> None:
    channel = next(iter(playground.world.channels))
    playground.gateway.drop()
    await you.ask("POST", f"/channels/{channel}/messages", {"content": "while you were away"})
    await browser.wait_for(shown("while you were away"))
    playground.gateway.forget_sessions()
    playground.gateway.drop()
    await browser.wait_for("document.body.matches('.offline')")
    await browser.wait_for(f"!document.body.matches('.offline') && {shown('while you were away')}")
    await says(browser, "back")
    await browser.wait_for(shown("back"))


async def test_replies_and_uploads(browser: Browser, general: discord.TextChannel, tmp_path: Path) -> None:
    first = await general.send("the first", file=discord.File(_written(tmp_path / "face.png"), "face.png"))
    await browser.wait_for(f"{LAST}?.querySelector('.picture img')?.naturalWidth === 32")
    await browser.hover("article.message")
    await browser.click("[data-action=reply]")
    await browser.wait_for("!document.querySelector('#reply-bar').hidden")
    await browser.evaluate(
        "(() => { const t = new DataTransfer(); t.items.add(new File(['hello'], 'note.txt'));"
        " document.dispatchEvent(new DragEvent('drop', {dataTransfer: t, cancelable: true})); })()"
    )
    await browser.wait_for("document.querySelector('.upload')")
    await says(browser, "an answer")
    await browser.wait_for(f"{LAST}?.querySelector('.reference')?.dataset.to === '{first.id}'")
    assert await browser.evaluate(f"{LAST}.querySelector('.file a').textContent") == "note.txt"


async def test_older_messages_come_when_one_scrolls_up(playground: Playground, you: Person) -> None:
    channel = next(iter(playground.world.channels))
    for number in range(60):
        await you.ask("POST", f"/channels/{channel}/messages", {"content": f"message {number}"})
    async with Browser() as browser:
        await browser.open(playground.address)
        await browser.wait_for("document.querySelectorAll('article.message').length === 50")
        assert await browser.evaluate(f"{LAST}.textContent.includes('message 59')")
        assert await browser.evaluate("scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 2")
        await browser.evaluate("void (scroller.scrollTop = 0)")
        await browser.wait_for("document.querySelectorAll('article.message').length === 60")
        await browser.wait_for("!document.querySelector('#intro').hidden")
        await browser.click("#jump")
        await browser.wait_for("document.querySelector('#jump').hidden")


async def test_the_page_outlives_a_restart_of_the_server(tmp_path: Path) -> None:
    state = tmp_path / "playground.sqlite"
    async with Browser() as browser:
        async with Playground(state=state) as first:
            await browser.open(first.address)
            await browser.wait_for("document.querySelector('.channel.active')")
            await says(browser, "before")
            await browser.wait_for(shown("before"))
        await browser.wait_for("document.body.matches('.offline')")
        async with Playground(first.port, state=state):
            await browser.wait_for(f"!document.body.matches('.offline') && {shown('before')}")
            await says(browser, "after")
            await browser.wait_for(shown("after"))
            assert await browser.evaluate("document.querySelectorAll('article.message').length") == 2


def _written(path: Path) -> Path:
    path.write_bytes(picture())
    return path


MARKDOWN = [
    ("**bold** *it* __u__ ~~s~~", "<strong>bold</strong> <em>it</em> <u>u</u> <s>s</s>"),
    ("`a<b>`", "<code>a&lt;b&gt;</code>"),
    ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
    ("```py\n1 < 2\n```", '<pre><code data-language="py">1 &lt; 2</code></pre>'),
    ("> quoted\nnot", "<blockquote>quoted</blockquote>not"),
    ("-# small", '<small class="subtext">small</small>'),
    ("# Big\n- a\n- b", "<h3>Big</h3><ul><li>a</li><li>b</li></ul>"),
    ("a_b_c 2*3*4 * x", "a_b_c 2<em>3</em>4 * x"),
    ("\\*plain\\*", "*plain*"),
    ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
    ("a\nb", "a<br>b"),
    ("**open", "**open"),
]


async def test_markdown_becomes_elements_and_markup_stays_text(browser: Browser) -> None:
    for text, html in MARKDOWN:
        assert await browser.evaluate(RENDER % (json.dumps(text), "return b.innerHTML;")) == html
