"""``tarot-tui serve``: who gets in, and the wizard in a real Chromium, driven through its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar

import pytest

from tarot_tui.project import Project

pytest.importorskip("textual_serve", reason="the browser is an extra")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def served(project) -> Iterator[tuple[Project, str]]:
    """A project, and the link to it, which nobody has used."""
    project.remember("step", "dataset")
    server = subprocess.Popen(
        [sys.executable, "-m", "tarot_tui", "serve", str(project.root), "--port", "0", "--json"],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"TAROT_TUI_LANG": "en"}, start_new_session=True,
    )  # fmt: skip
    try:
        yield project, json.loads(server.stdout.readline())["url"]
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(60) == 0
        server.stdout.close()


def get(url: str, browser: urllib.request.OpenerDirector | None = None, **headers: str) -> tuple[int, str]:
    """Status and text of a page; every call without ``browser`` is somebody new."""
    browser = browser or urllib.request.build_opener()
    try:
        with browser.open(urllib.request.Request(url, headers=headers), timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_link_works_once_and_then_only_its_cookie(served):
    _project, link = served
    root = link.partition("?")[0]
    assert get(root)[0] == get(f"{root}static/js/textual.js")[0] == get(f"{root}ws")[0] == 403
    assert get(f"{root}?token=guessed")[0] == 403
    jar = CookieJar()
    ours = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    status, page = get(link, ours)
    assert status == 200 and "token" not in page
    (cookie,) = jar
    assert cookie.has_nonstandard_attr("HttpOnly") and cookie.get_nonstandard_attr("SameSite") == "Strict"
    assert get(root, ours)[0] == 200
    status, why = get(link)
    assert status == 403 and "works once" in why


def test_other_hosts_and_other_pages_are_sent_away_even_with_the_cookie(served):
    _project, link = served
    root = link.partition("?")[0]
    ours = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    get(link, ours)
    # A name that somebody else's server has pointed at the loopback; a page of theirs in the same browser.
    assert get(root, ours, Host="evil.example")[0] == 403
    assert get(root, ours, Origin="http://evil.example")[0] == 403
    assert get(root, ours, Host="localhost:9000", Origin="http://localhost:9000")[0] == 200


def test_only_the_loopback_is_listened_on_and_the_token_is_in_no_list_of_processes(served):
    import psutil

    _project, link = served
    port = int(link.partition("?")[0].rstrip("/").rpartition(":")[2])
    mine = [one for one in psutil.Process().children(recursive=True) if "serve" in words_of(one)]
    addresses = {one.laddr for process in mine for one in process.net_connections() if one.status == "LISTEN"}
    assert {tuple(address) for address in addresses} == {("127.0.0.1", port)}
    token = link.partition("token=")[2]
    assert not any(token in word for process in psutil.process_iter() for word in words_of(process))


def words_of(process) -> list[str]:
    import psutil

    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


def test_a_port_that_is_taken_is_one_sentence(served):
    _project, link = served
    port = link.partition("?")[0].rstrip("/").rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-m", "tarot_tui", "serve", "--port", port], capture_output=True, text=True
    )
    assert done.returncode == 2 and "--port" in done.stderr and len(done.stderr.splitlines()) == 1


class Tab:
    """A page in a Chromium of our own."""

    def __init__(self, socket) -> None:
        self._socket, self._count = socket, 0

    async def do(self, method: str, **parameters) -> dict:
        """Ask for something, and wait for the answer."""
        self._count += 1
        await self._socket.send_json({"id": self._count, "method": method, "params": parameters})
        while True:
            said = await self._socket.receive_json(timeout=60)
            if said.get("id") == self._count:
                return said.get("result", {})

    async def press(self, text: str) -> None:
        """Press a key that writes ``text``."""
        for kind in ("keyDown", "keyUp"):
            await self.do("Input.dispatchKeyEvent", type=kind, text=text, key=text)

    async def click(self, x: int, y: int) -> None:
        """Click there."""
        for kind in ("mousePressed", "mouseReleased"):
            await self.do("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def classes(self) -> str:
        """Those of the page's body: what the terminal in it is doing."""
        found = await self.do("Runtime.evaluate", expression="document.body.className")
        return found["result"].get("value", "")


@contextlib.asynccontextmanager
async def chromium(folder, url: str):
    """Opens ``url``; yields its tab."""
    import aiohttp

    process = await asyncio.create_subprocess_exec(
        CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0",
        "--disable-background-networking", "--window-size=1000,700", f"--user-data-dir={folder}", "about:blank",
        stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        while b"DevTools listening on" not in (line := await asyncio.wait_for(process.stderr.readline(), 60)):
            assert line, "Chromium ended"
        port = line.decode().rpartition(":")[2].partition("/")[0]
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                found = next(one for one in await answer.json() if one["type"] == "page")
            async with session.ws_connect(found["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                tab = Tab(socket)
                await tab.do("Emulation.setFocusEmulationEnabled", enabled=True)
                await tab.do("Page.navigate", url=url)
                yield tab
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def eventually(condition, what: str, seconds: float = 60) -> None:
    """Wait until the coroutine function ``condition`` says so."""
    for _try in range(int(seconds * 10)):
        if await condition():
            return
        await asyncio.sleep(0.1)
    raise AssertionError(what)


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine")
async def test_the_wizard_is_walked_in_a_real_browser(served, tmp_path):
    project, link = served

    async def step_is(name: str) -> bool:
        return project.recall("step") == name

    async with chromium(tmp_path, link) as tab:

        async def drawn() -> bool:
            return "-first-byte" in await tab.classes()

        async def closed() -> bool:
            return "-closed" in await tab.classes()

        async def painted() -> bool:
            picture = base64.b64decode((await tab.do("Page.captureScreenshot"))["data"])
            if kept := os.environ.get("TAROT_KEEP_PICTURE"):
                with open(kept, "wb") as file:
                    file.write(picture)
            # A page that shows nothing but its background is a few kilobytes.
            return len(picture) > 20_000

        await eventually(drawn, "the page stays empty")
        await eventually(painted, "the page shows its background only")
        await tab.click(500, 320)
        await tab.press("p")
        await eventually(lambda: step_is("environment"), "p did not go back a step")
        await tab.press("q")
        await eventually(closed, "the page does not say that the wizard has ended")
