"""A Textual driver that sends only the cells that changed, and leaves the terminal as it found it.

It hooks in through the public ``App(driver_class=…)``; ``TAROT_TUI_DRIVER=stock`` switches it off.
"""

from __future__ import annotations

import os
import re
import select
import signal
from codecs import getincrementaldecoder
from threading import Lock

from textual import events
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from tarot_tui.tui.celldiff import CellDiff

#: A mouse report of the X10 kind, three raw bytes behind ``ESC [ M``: not UTF-8. tmux sends them after a
#: re-attach; read as text they would be key presses.
_X10_MOUSE = re.compile(rb"\x1b\[M[\x20-\xff]{3}", re.DOTALL)


def driver_class() -> type[Driver] | None:
    """The driver to hand to ``App(driver_class=…)``; None leaves the choice to Textual.

    ``TAROT_TUI_DRIVER=stock`` switches ours off, and ``TEXTUAL_DRIVER`` (a browser, say) goes before it.
    """
    if os.environ.get("TAROT_TUI_DRIVER") == "stock" or os.environ.get("TEXTUAL_DRIVER"):
        return None
    return SlimDriver


def redraw(app: App) -> None:
    """Send the whole screen again: the cure when another program has written over it."""
    if isinstance(app._driver, SlimDriver):
        app._driver.forget()
    app.screen.refresh(layout=True)


class SlimDriver(LinuxDriver):
    """Textual's Linux driver, with :class:`CellDiff` between the app and the terminal."""

    def __init__(self, app: App, **options: object) -> None:
        super().__init__(app, **options)
        self._diff = CellDiff(0, 0)
        self._lock = Lock()  # the input thread writes too
        self._forgotten = True

    def forget(self) -> None:
        """Trust nothing about what the terminal shows: the next output is sent whole. Safe in any thread."""
        self._forgotten = True

    def write(self, data: str) -> None:
        """Send what ``data`` changes on the terminal."""
        with self._lock:
            size = tuple(self._app.size)
            if self._forgotten or size != self._diff.size:
                self._forgotten = False
                self._diff = CellDiff(*size)
            if squeezed := self._diff.squeeze(data):
                super().write(squeezed)

    def start_application_mode(self) -> None:
        """Take the terminal; a polite end (SIGTERM) gives it back."""
        self.forget()
        super().start_application_mode()
        self._loop.add_signal_handler(signal.SIGTERM, lambda: self._app.exit(return_code=143))
        resized = signal.getsignal(signal.SIGWINCH)

        def forget_and_resize(number, frame) -> None:
            self.forget()
            if callable(resized):
                resized(number, frame)

        signal.signal(signal.SIGWINCH, forget_and_resize)

    def _query_in_band_window_resize(self) -> None:
        """Not asked for: SIGWINCH tells the size, and the reports would bring the mouse in pixels with them."""

    def _enable_mouse_support(self) -> None:
        # 1002 reports drags only: with 1003 every cell that the pointer crosses costs a report upstream.
        if self._mouse:
            self.write("\x1b[?1000h\x1b[?1002h\x1b[?1006h")

    def _disable_mouse_support(self) -> None:
        if self._mouse:
            self.write("\x1b[?1006l\x1b[?1002l\x1b[?1000l")

    def process_message(self, message: Message) -> None:
        # Whatever was written over the screen while nobody looked, the shadow knows nothing of it.
        if isinstance(message, events.AppFocus):
            self.forget()
        super().process_message(message)

    def run_input_thread(self) -> None:
        """Read keys and mouse until told to stop; bytes that are no UTF-8 never end the app."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")(errors="replace").decode
        while not self.exit_event.is_set():
            if select.select([self.fileno], [], [], 0.1)[0]:
                received = self._receive()
                if not received and self.input_tty:
                    # The terminal is gone, and nothing can be shown any more: end as a hang-up ends a program.
                    os.kill(os.getpid(), signal.SIGHUP)
                    return
                if not received:
                    self.exit_event.wait(0.1)  # piped standard input has ended
                # An empty feed would close the parser.
                if text := decode(_X10_MOUSE.sub(b"", received)):
                    for message in parser.feed(text):
                        self.process_message(message)
            for message in parser.tick():
                self.process_message(message)

    def _receive(self) -> bytes:
        try:
            return os.read(self.fileno, 4096)
        except OSError:
            return b""
