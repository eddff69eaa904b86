"""A Textual driver that sends only the cells that changed, and leaves the terminal as it found it.

It hooks in through the public ``App(driver_class=…)``; ``TAROT_TUI_DRIVER=stock`` switches it off.
"""

from __future__ import annotations

import os
import re
import select
import signal
import time
from codecs import getincrementaldecoder
from threading import Lock

from textual import events
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from tarot_tui.tui import first_frame
from tarot_tui.tui.celldiff import CellDiff
from tarot_tui.tui.narrow import ambiguous_width
from tarot_tui.tui.outlet import Outlet
from tarot_tui.tui.replies import Replies, questions
from tarot_tui.tui.stray import StrayOutput

#: A mouse report of the X10 kind, three raw bytes behind ``ESC [ M``: not UTF-8. tmux sends them after a
#: re-attach; read as text they would be key presses.
_X10_MOUSE = re.compile(rb"\x1b\[M[\x20-\xff]{3}", re.DOTALL)
#: Seconds after which the whole screen is sent again, along with the next change; and when the terminal gets the focus.
_RESYNC, _RESYNC_ON_FOCUS = 300.0, 60.0
#: Seconds within which what is painted goes out as one frame, and for how long after a key it does not wait for that.
_TOGETHER, _HURRY = 0.03, 0.5
#: Seconds after which the thread that waits for keys wakes up for nothing: where all cores are busy, Linux lets one that
#: has slept for longer wait for longer (measured from key to screen: 6 ms with 0.1, 12 ms without an end).
_DOZE = 0.2
#: Seconds that a terminal which takes nothing at all may hold up quitting.
_LAST_WORDS = 0.3
#: Seconds that it may be held up by answers which are still to come, and within how many of the start.
_LAST_ANSWERS, _FIRST_SECONDS = 0.3, 3.0
_OTHER_SCREEN = "\x1b[?1049h"


def driver_class() -> type[Driver] | None:
    """The driver to hand to ``App(driver_class=…)``; None leaves the choice to Textual.

    ``TAROT_TUI_DRIVER=stock`` switches ours off, and ``TEXTUAL_DRIVER`` (a browser, say) goes before it.
    """
    return SlimDriver if first_frame.ours() else None


def redraw(app: App) -> None:
    """Send the whole screen again: the cure when another program has written over it."""
    if isinstance(app._driver, SlimDriver):
        app._driver.resync()
    app.screen.refresh(layout=True)


class BackgroundFound(Message):
    """The terminal said whether its background is light."""

    def __init__(self, light: bool) -> None:
        super().__init__()
        self.light = light


class SlimDriver(LinuxDriver):
    """Textual's Linux driver, with :class:`CellDiff` and an :class:`Outlet` between the app and the terminal."""

    def __init__(self, app: App, **options: object) -> None:
        super().__init__(app, **options)
        self._terminal = self._file.fileno()
        self._diff = CellDiff(0, 0)
        self._lock = Lock()  # the input thread writes too
        self._outlet: Outlet | None = None
        self._forgotten = False
        self._synced = 0.0
        self._hurried_until = 0.0
        self._stray = StrayOutput()
        self._entered = (
            False  # the terminal shows the other screen already, with what was drawn there before us
        )
        self._replies = Replies()
        self._asked: float | None = None
        self._end_of_input: tuple[int, int] | None = None  # a pipe that wakes the thread which waits for keys

    def forget(self) -> None:
        """Trust nothing about what the terminal shows: the next output is the whole screen. Safe everywhere."""
        self._forgotten = True

    def resync(self) -> None:
        """Send the whole screen again, now."""
        self.forget()
        if self._outlet:
            self._outlet.wake()

    def write(self, data: str) -> None:
        """Let the terminal show what ``data`` draws, as soon as it can take it. Never waits."""
        if data == _OTHER_SCREEN and self._entered:
            return  # some terminals would clear it
        with self._lock:
            size = tuple(self._app.size)
            if size != self._diff.size:
                self._diff.resize(*size)
                self._synced = time.monotonic()
            self._diff.feed(data)
        # Woken in the middle of a frame it could only wait for the app that draws, and hold it up.
        if self._outlet and not self._diff.drawing:
            self._outlet.wake()

    def _take(self, limit: int | None) -> str:
        with self._lock:
            # Cells that something else wrote over are mended only by sending them. Along with what changes anyway, so
            # that a still screen costs nothing; and not on a slow link, where keys would wait for it.
            age = time.monotonic() - self._synced
            if self._forgotten or (self._diff.behind and limit is None and age > _RESYNC):
                self._forgotten, self._synced = False, time.monotonic()
                self._diff.forget()
            return self._diff.take(limit)

    def _patience(self) -> float:
        # What several widgets paint at the same tick is one frame; the answer to a key waits for nothing.
        return 0.0 if time.monotonic() < self._hurried_until else _TOGETHER

    def start_application_mode(self) -> None:
        """Take the terminal; a polite end (SIGTERM) gives it back."""
        self._diff = CellDiff(0, 0, narrow=self._diff.narrow)
        self._hurried_until = time.monotonic() + 2.0
        self._terminal = self._stray.divert()
        self._outlet = Outlet(self._terminal, self._take, self._patience)
        self._end_of_input = os.pipe()
        settings = first_frame.hand_over()
        self._entered = settings is not None
        super().start_application_mode()
        self._entered = False
        self.attrs_before = settings or self.attrs_before
        if (
            self._writer_thread
        ):  # Textual's own, which waits for a slow terminal and lets the app wait with it
            self._writer_thread.stop()
            self._writer_thread = None
        self._ask()
        self._loop.add_signal_handler(signal.SIGTERM, lambda: self._app.exit(return_code=143))
        resized = signal.getsignal(signal.SIGWINCH)

        def forget_and_resize(number, frame) -> None:
            # A terminal may have cut or wrapped what it showed, whatever the new size.
            self.forget()
            if callable(resized):
                resized(number, frame)

        signal.signal(signal.SIGWINCH, forget_and_resize)

    def _ask(self) -> None:
        # Once; and before anything is drawn, so that nobody answers to a picture before the terminal answered to us.
        if self._asked is None and self.input_tty:
            known = ambiguous_width(os.environ)
            if known == "wide":
                self.use_narrow_characters(True)
            self._asked = time.monotonic()
            self._replies.expect(self._asked)
            self.write(questions(os.environ, width=not known))

    def use_narrow_characters(self, use: bool) -> None:
        """Draw only characters of which every terminal knows the width, or those that were meant."""
        with self._lock:
            self._diff.narrow = use
        self.resync()

    def disable_input(self) -> None:
        """Take no more keys."""
        if self._asked is not None and time.monotonic() - self._asked < _FIRST_SECONDS:
            self._replies.complete.wait(_LAST_ANSWERS)
        ends, self._end_of_input = self._end_of_input, None
        if ends:
            os.write(ends[1], b"\0")
        super().disable_input()  # waits for the thread
        for end in ends or ():
            os.close(end)

    def close(self) -> None:
        """Give the terminal back, unless it takes nothing any more."""
        if self._outlet:
            self._stray.restore(keep=not self._outlet.finish(_LAST_WORDS))
            self._outlet = None
        super().close()

    def _get_terminal_size(self) -> tuple[int, int]:
        # Standard output may lead into a file by now.
        try:
            return os.get_terminal_size(self._terminal)
        except OSError:
            return super()._get_terminal_size()

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
        """Pass on what the terminal reports."""
        if isinstance(message, events.InputEvent | events.Paste):
            self._hurried_until = time.monotonic() + _HURRY
        # Whatever was written over the screen while nobody looked, we know nothing of it.
        if isinstance(message, events.AppFocus) and time.monotonic() - self._synced > _RESYNC_ON_FOCUS:
            self.resync()
        super().process_message(message)

    def run_input_thread(self) -> None:
        """Read keys and mouse until told to stop; bytes that are no UTF-8 never end the app."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")(errors="replace").decode
        sources = [self.fileno, *(self._end_of_input or ())[:1]]
        while not self.exit_event.is_set():
            # An escape after which nothing comes is a key by itself.
            due = min(filter(None, (parser._timeout_time, self._replies.due())), default=None)
            patience = _DOZE if due is None else max(0.0, min(due - time.monotonic(), _DOZE))
            if self.fileno in select.select(sources, [], [], patience)[0]:
                received = self._receive()
                if not received and self.input_tty:
                    # The terminal is gone, and nothing can be shown any more: end as a hang-up ends a program.
                    os.kill(os.getpid(), signal.SIGHUP)
                    return
                if not received:
                    self.exit_event.wait(0.1)  # piped standard input has ended
                self._feed(parser, decode(self._answered(received)))
            elif self._replies.due() is not None:
                self._feed(parser, decode(self._answered(b"")))
            for message in parser.tick():
                self.process_message(message)

    def _answered(self, received: bytes) -> bytes:
        # What is left of it for keys and mouse.
        light, wide = self._replies.light, self._replies.wide
        rest = self._replies.take(_X10_MOUSE.sub(b"", received), time.monotonic())
        if self._replies.light not in (None, light):
            self.process_message(BackgroundFound(self._replies.light))
        if self._replies.wide and not wide and not ambiguous_width(os.environ):
            self.use_narrow_characters(True)
        return rest

    def _feed(self, parser: XTermParser, text: str) -> None:
        # An empty feed would close the parser.
        for message in parser.feed(text) if text else ():
            self.process_message(message)

    def _receive(self) -> bytes:
        try:
            return os.read(self.fileno, 4096)
        except OSError:
            return b""
