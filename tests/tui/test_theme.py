import pytest
from textual.color import Color
from textual.widgets import Static

from tarot_tui.errors import BadInput
from tarot_tui.tui import theme
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
    assert {theme.DARK, theme.LIGHT} <= {found.name for found in themes}
    for found in themes:
        assert set(theme.VARIABLES) <= set(found.variables)
        texts = [found.foreground, found.primary, found.success, found.warning, found.error]
        texts += [found.variables[name] for name in theme.VARIABLES if name != "loss"]
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
    ],
)
def test_a_broken_theme_file_is_named_with_what_is_wrong(tmp_path, text, word):
    path = write(tmp_path, text)
    with pytest.raises(BadInput) as error:
        theme.load(path)
    assert str(path) in str(error.value) and word in str(error.value)


async def test_a_broken_theme_of_the_users_is_left_out_and_said_once(tmp_path, monkeypatch):
    folder = tmp_path / "tarot-tui" / "themes"
    folder.mkdir(parents=True)
    write(folder, "[colors")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    app = TarotApp()
    async with app.run_test(notifications=True):
        assert app.theme in (theme.DARK, theme.LIGHT, "ansi-dark")
        assert [str(folder) in note.message for note in app._notifications] == [True]


def test_sixteen_colours_get_an_ansi_theme_and_no_color_never_does():
    names = {"night", "parchment", "ansi-dark", "ansi-light", "mine"}
    assert theme.choose({}, "truecolor", names) == "night"
    assert theme.choose({"COLORFGBG": "0;15"}, "256", names) == "parchment"
    assert theme.choose({}, "standard", names) == "ansi-dark"
    assert theme.choose({"NO_COLOR": "1"}, "standard", names) == "night"
    assert theme.choose({"NO_COLOR": "1", "TAROT_TUI_THEME": "ansi-dark"}, "256", names) == "night"
    assert theme.choose({"TAROT_TUI_THEME": "mine"}, "256", names) == "mine"
    assert theme.choose({"TAROT_TUI_THEME": "gone"}, "256", names) == "night"


@pytest.mark.parametrize("name", ["night", "parchment", "ansi-dark", "ansi-light", "nord"])
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
