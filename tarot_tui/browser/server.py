"""textual-serve, for one person: bound to the loopback, opened by a link that works once, then by its cookie alone.

Whoever else has a login on the machine can reach its loopback too, so every request must prove that it is ours. A page
of somebody else's in the same browser sends our cookie as well, so the host and the origin are looked at, too.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import shlex
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve.server import Server

from tarot_tui.errors import BadInput
from tarot_tui.locale import _, language

LOOPBACK = "127.0.0.1"
COOKIE = "tarot_tui"
_HOSTS = {"127.0.0.1", "localhost", "::1"}
#: Nothing from anywhere else, in no frame, and no address told to anybody. xterm.js sets styles as it goes.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WizardServer(Server):
    """Serves the wizard of the project in the working directory. ``url`` is the link, which works once."""

    def __init__(self, port: int) -> None:
        """Raises BadInput when the port is taken; 0 takes a free one."""
        self._socket = _bound(port)
        port = self._socket.getsockname()[1]
        super().__init__(
            # Fixed words: what the user named reaches no shell. The folder is the working directory.
            shlex.join([sys.executable, "-m", "tarot_tui.browser.wizard"]),
            host=LOOPBACK,
            port=port,
            title="tarot-tui",
            templates_path=Path(__file__).parent,
        )
        self._token = secrets.token_urlsafe(24)
        self._session = secrets.token_urlsafe(24)
        self.url = f"http://{LOOPBACK}:{port}/?token={self._token}"

    def serve(self, debug: bool = False) -> None:
        """Serve until interrupted."""
        logging.getLogger("textual-serve").addHandler(logging.NullHandler())
        web.run_app(self._make_app(), sock=self._socket, print=lambda *_words: None, access_log=None)

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing: the command has."""

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._only_ours)
        return app

    @web.middleware
    async def _only_ours(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let nobody in but the browser that opened the link."""
        if urlsplit(f"//{request.host}").hostname not in _HOSTS:
            raise web.HTTPForbidden(text=_("Open it as {host}.").format(host=LOOPBACK))
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden(text=_("Another page may not open this one."))
        if hmac.compare_digest(request.cookies.get(COOKIE, ""), self._session):
            response = await handler(request)
            if not response.prepared:
                response.headers.update(_HEADERS)
            return response
        if request.path == "/" and self._let_in(request.query.get("token", "")):
            # The link works once, and its token does not stay in the address.
            answer = web.HTTPSeeOther("/")
            answer.set_cookie(COOKIE, self._session, httponly=True, samesite="Strict")
            raise answer
        raise web.HTTPForbidden(
            text=_("The link works once, in the browser that opened it first. Start 'tarot-tui serve' again.")
        )

    def _let_in(self, token: str) -> bool:
        right = bool(self._token) and hmac.compare_digest(token, self._token)
        if right:
            self._token = ""
        return right

    async def handle_index(self, request: web.Request) -> web.Response:  # type: ignore[override]
        """The page: one terminal, and what to say when its wizard has ended."""
        import aiohttp_jinja2

        return aiohttp_jinja2.render_template(
            "page.html",
            request,
            {
                "lang": language().replace("_", "-"),
                # By the host that was asked: over an ssh tunnel it is another port.
                "socket": f"ws://{request.host}/ws",
                "static": "/static/",
                "ended": _("The wizard was left. Trainings and exports go on."),
                "again": _("Open it again"),
            },
        )


def _bound(port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((LOOPBACK, port))
        found.listen()  # so that the link works as soon as it is printed
    except (OSError, OverflowError):
        found.close()
        raise BadInput(
            _("Port {port} cannot be used: choose another with --port, or 0 for any.").format(port=port)
        ) from None
    return found
