"""The command line itself: fast, clear about mistakes, in the reader's language."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import subprocess
import sys

import pytest

from tarot_tui.cli import VERBS, common, main, queue
from tarot_tui.proxies import spell_out

HEAVY = ("textual", "rich", "torch", "transformers", "pandas", "numpy", "pydantic", "httpx", "yaml")


def loaded_by(*arguments: str) -> set[str]:
    """The modules that one command line pulled in, in a process of its own."""
    code = (
        "import sys\n"
        f"sys.argv = ['tarot-tui', *{list(arguments)!r}]\n"
        "from tarot_tui.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("arguments", [["--version"], ["--help"]])
def test_version_and_help_import_nothing_heavy(arguments):
    assert not loaded_by(*arguments).intersection(HEAVY)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_without_heavy_imports(verb):
    modules = loaded_by(verb, "--help")
    assert "argparse" in modules
    assert not modules.intersection(("torch", "transformers", "pandas", "textual"))


def test_a_mistyped_verb_names_the_right_one(capsys):
    with pytest.raises(SystemExit) as left:
        main(["trian"])
    assert left.value.code == 2
    assert "did you mean 'train'" in capsys.readouterr().err


def test_help_speaks_chinese_when_asked(capsys):
    with pytest.raises(SystemExit):
        main(["--help", "--lang", "zh_TW"])
    assert "專案" in capsys.readouterr().out


def test_common_options_may_stand_before_the_verb(tmp_path, capsys):
    main(["init", str(tmp_path)])
    capsys.readouterr()
    assert main(["--json", "--project", str(tmp_path), "runs"]) == 0
    assert capsys.readouterr().out.strip() == "[]"


@pytest.mark.parametrize(
    "verb", ["data", "docker", "engines", "models", "ollama", "queue", "recipe", "release"]
)
def test_what_is_not_said_to_an_inner_verb_has_a_value(verb):
    parser = argparse.ArgumentParser()
    common(parser)
    importlib.import_module(f"tarot_tui.cli.{verb}").arguments(parser)
    (inner,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    shared = {"help", "project", "lang", "json", "plain", "quiet"}
    for name, one in inner.choices.items():
        unset = [action.dest for action in one._actions if action.default is argparse.SUPPRESS]
        assert set(unset) == shared, name


def test_what_is_said_before_an_inner_verb_holds():
    parser = argparse.ArgumentParser()
    common(parser)
    queue.arguments(parser)
    args = parser.parse_args(["--json", "--project", "here", "add", "try-it"])
    assert (args.json, str(args.project), args.engine) == (True, "here", None)


def test_init_makes_a_project_and_says_what_is_next(tmp_path, capsys):
    assert main(["init", str(tmp_path / "p"), "--lang", "en"]) == 0
    assert (tmp_path / "p" / "tarot.yaml").is_file()
    assert "tarot-tui" in capsys.readouterr().out


def test_a_full_disk_is_one_sentence_and_exit_two(tmp_path, monkeypatch, capsys):
    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path))

    monkeypatch.setattr("tarot_tui.cli.init.create", full)
    assert main(["init", str(tmp_path), "--lang", "en"]) == 2
    assert "No space left" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "path", "words"),
    [
        (errno.EROFS, "/mnt/p", "/mnt/p lies on a disk that can only be read"),
        (errno.ENOTDIR, "/a/file", "/a/file cannot be used: Not a directory"),
        (errno.ENAMETOOLONG, "/long", "/long cannot be used: File name too long"),
    ],
)
def test_what_a_file_system_declines_is_one_sentence(monkeypatch, capsys, number, path, words):
    def decline(*_args, **_kwargs):
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr("tarot_tui.cli.init.create", decline)
    assert main(["init", path, "--lang", "en"]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1


def test_an_error_of_ours_is_not_taken_for_one_of_the_disk(monkeypatch, tmp_path):
    def broken(*_args, **_kwargs):
        raise OSError("no number, no file")

    monkeypatch.setattr("tarot_tui.cli.init.create", broken)
    with pytest.raises(OSError, match="no number"):
        main(["init", str(tmp_path)])


def test_a_proxy_is_spelled_as_http_clients_understand_it():
    environment = {
        "all_proxy": "socks://127.0.0.1:7891/",
        "ALL_PROXY": "SOCKS://127.0.0.1:7891",
        "https_proxy": "http://127.0.0.1:7890",
        "no_proxy": "localhost",
        "NOTE": "socks://is no proxy",
    }
    spell_out(environment)
    assert environment == {
        "all_proxy": "socks5://127.0.0.1:7891/",
        "ALL_PROXY": "socks5://127.0.0.1:7891",
        "https_proxy": "http://127.0.0.1:7890",
        "no_proxy": "localhost",
        "NOTE": "socks://is no proxy",
    }
