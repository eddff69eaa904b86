"""The keys of a log: the view binds them, and whoever shows it lists them in its help."""

from __future__ import annotations

from tarot_tui.locale import N_
from tarot_tui.tui.keys import Key, table

KEYS: tuple[Key, ...] = table(
    "log",
    Key("up,k", "↑ k", "scroll_by(-1)", N_("scroll"), N_("Log: scroll up; it then no longer follows."), quiet=True, name="up"),
    Key("down,j", "↓ j", "scroll_by(1)", N_("scroll"), N_("Log: scroll down."), quiet=True, name="down"),
    Key("pageup,b,ctrl+u", "PgUp", "page(-1)", N_("page up"), N_("Log: scroll up by a page."), quiet=True, name="page_up"),
    Key("pagedown,space,ctrl+d", "PgDn", "page(1)", N_("page down"), N_("Log: scroll down by a page."), quiet=True, name="page_down"),
    Key("home,g", "Home", "oldest", N_("begin"), N_("Log: go to its beginning."), quiet=True),
    Key("end,G", "End", "follow", N_("follow"), N_("Log: go to its end and follow it."), quiet=True),
    Key("slash", "/", "look_for", N_("find"), N_("Log: look for words, from here upwards."), quiet=True),
    Key("n", "n", "find_next(True)", N_("older"), N_("Log: find the words again, further up."), quiet=True, name="find_older"),
    Key("N", "N", "find_next(False)", N_("newer"), N_("Log: find the words again, further down."), quiet=True, name="find_newer"),
    Key("escape", "esc", "end_search", N_("no search"), N_("Log: end the search."), quiet=True),
    Key("v", "v", "graver", N_("gravity"), N_("Log: show warnings and errors only, then errors only, then all."), quiet=True),
    Key("t", "t", "fold", N_("tracebacks"), N_("Log: show tracebacks in full, or by their last line."), quiet=True),
    Key("R", "R", "next_log", N_("process"), N_("Log: show what the next process (rank) of the run says."), quiet=True),
    Key("c", "c", "copy", N_("copy"), N_("Log: copy the lines in sight, also through SSH."), quiet=True),
    Key("x", "x", "save", N_("save"), N_("Log: save it (what the filter shows of it) as a text file."), quiet=True),
)  # fmt: skip
#: In the field for the words to look for.
WORDS: tuple[Key, ...] = table(
    "log_words", Key("escape", "esc", "leave", N_("back"), N_("Look for nothing."), quiet=True)
)
