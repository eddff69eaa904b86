import pytest
from textual.color import Color
from textual.theme import Theme
from textual.widgets import Static

from tarot_tui import personal
from tarot_tui.errors import BadInput
from tarot_tui.tui import theme, theme_files
from tarot_tui.tui.app import WizardApp
from tarot_tui.tui.base import TarotApp


def write(folder, text):
    path = folder / "mine.toml"
    path.write_text(text, "utf-8")
    return path


def contrast(one, other):
    """The contrast ratio of WCAG 2: 1 to 21."""

    def luminance(colour):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.normalized]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(Color.parse(one)), luminance(Color.parse(other))))
    return (high + 0.05) / (low + 0.05)


def test_our_themes_load_name_every_variable_of_ours_and_can_be_read():
    themes, problems = theme.load_all()
    assert problems == []
    assert {theme_files.DARK, theme_files.LIGHT} <= {found.name for found in themes}
    assert len(themes) >= 6
    for found in themes:
        assert set(theme.VARIABLES) <= set(found.variables)
        assert set(found.title) == {"en", "zh_TW", "zh_CN"}
        if found.ansi:
            continue  # whatever the terminal makes of its colours
        texts = [found.foreground, found.primary, found.success, found.warning, found.error]
        texts += [
            found.variables[name]
            for name in theme.VARIABLES
            if name not in ("loss", "on-primary", "cursor-row")
        ]
        for colour in texts:
            assert contrast(colour, found.background) >= 4.5, (found.name, colour)


@pytest.mark.parametrize(
    "text, word",
    [
        ("[colors", "TOML"),
        ('name = "x"', "primary"),
        ('[colors]\nprimary = "#12"', "#12"),
        ('[colors]\nprimary = "#123456"\nprimery = "#123456"', "primery"),
        ('[colors]\nprimary = "#123456"\n[variables]\nloss = "no such"', "loss"),
        ("[colors]\nprimary = 5", "primary"),
        ('nmae = "x"\n[colors]\nprimary = "#123456"', "nmae"),
        ('title = "x"\n[colors]\nprimary = "#123456"', "title"),
    ],
)
def test_a_broken_theme_file_is_named_with_what_is_wrong(tmp_path, text, word):
    path = write(tmp_path, text)
    with pytest.raises(BadInput) as error:
        theme.load(path)
    assert str(path) in str(error.value) and word in str(error.value)


async def test_a_broken_theme_of_the_users_is_left_out_and_said_once(tmp_path, monkeypatch, colours):
    folder = tmp_path / "tarot-tui" / "themes"
    folder.mkdir(parents=True)
    write(folder, "[colors")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    app = TarotApp()
    async with app.run_test(notifications=True):
        assert app.theme in (theme_files.DARK, theme_files.LIGHT, theme.ANSI_DARK)
        assert [str(folder) in note.message for note in app._notifications] == [True]


def test_the_theme_fits_the_terminal_and_what_was_chosen(monkeypatch):
    themes = {found.name: found for found in theme.load_all()[0]} | {"mine": Theme("mine", "red")}

    def chosen(system, **environ):
        return theme.choose(environ, system, themes)

    assert chosen("truecolor") == "night"
    assert chosen("256", COLORFGBG="0;15") == "parchment"
    assert chosen("standard") == "wheel"
    assert chosen("standard", COLORFGBG="0;15") == "wheel-light"
    assert chosen("standard", NO_COLOR="1") == "tower"
    assert chosen("256", NO_COLOR="1", TAROT_TUI_THEME="wheel") == "night"
    assert chosen("256", TAROT_TUI_THEME="mine") == "mine"
    assert chosen("256", TAROT_TUI_THEME="gone") == "night"
    personal.remember("theme", "justice")
    assert chosen("256") == "justice"
    assert chosen("256", TAROT_TUI_THEME="sun") == "sun"
    assert chosen("standard") == "wheel"  # where the one chosen elsewhere would lose text


async def test_a_theme_that_is_chosen_is_shown_at_once_and_remembered(project, colours, until):
    project.remember("step", "train")
    async with WizardApp(project).run_test() as pilot:
        await pilot.press("T")
        await until(pilot, "The Tower")
        await pilot.press(*"tower", "enter")
        await pilot.pause()
        assert pilot.app.theme == "tower"
    assert WizardApp(project).theme == "tower"


def seen_by(colour, kind):
    """What colour-blind eyes see: Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB."""
    matrix = {
        "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
        "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
        "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
    }[kind]  # fmt: skip
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in Color.parse(colour).normalized
    ]
    mixed = [min(1.0, max(0.0, sum(m * c for m, c in zip(row, linear, strict=True)))) for row in matrix]
    return [12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055 for c in mixed]


@pytest.mark.parametrize("kind", ["protan", "deutan", "tritan"])
def test_in_justice_colour_blind_eyes_tell_the_states_apart(kind):
    (justice,) = (found for found in theme.load_all()[0] if found.name == "justice")
    states = [seen_by(colour, kind) for colour in (justice.success, justice.warning, justice.error)]
    pairs = [(0, 1), (0, 2), (1, 2)]
    apart = [sum((a - b) ** 2 for a, b in zip(states[i], states[j], strict=True)) ** 0.5 for i, j in pairs]
    assert min(apart) > 0.25, apart


@pytest.mark.parametrize("name", ["night", "wheel", "ansi-light", "nord"])
async def test_our_variables_exist_in_every_theme(name, monkeypatch):
    monkeypatch.setenv("TAROT_TUI_THEME", name)
    monkeypatch.delenv("NO_COLOR", raising=False)

    class Coloured(TarotApp):
        CSS = "\n".join(f".{variable} {{ color: ${variable}; }}" for variable in theme.VARIABLES)

        def compose(self):
            yield from (Static("x", classes=variable) for variable in theme.VARIABLES)

    app = Coloured()
    async with app.run_test():
        assert app.theme == name
