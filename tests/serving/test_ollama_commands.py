"""``tarot-tui ollama``: the import as a job, and the small verbs."""

from __future__ import annotations

import json

import pytest

from tarot_tui.cli import main
from tarot_tui.jobs.find import all_jobs


@pytest.fixture
def ollama(released, fake, capsys):
    """Runs one ``tarot-tui ollama`` command in the project and returns its exit code and both outputs."""

    def command(verb, *arguments, host=None):
        code = main(
            ["--project", str(released.root), "ollama", verb, *arguments, "--host", host or fake.host]
        )
        return code, *capsys.readouterr()

    return command


def test_an_import_is_a_job_whose_proof_comes_back(ollama, fake, released):
    code, out, _err = ollama("import", "tarot", "--as", "tarot:v1", "--json")
    found = json.loads(out)
    assert (code, found["name"], found["state"]) == (0, "tarot:v1", "finished")
    assert [one["id"] for one in found["findings"]] == ["ollama.unproven"]
    (job,) = all_jobs(released, "import")
    assert found["job"] == job.name
    assert "tarot:v1" in fake.models


def test_an_import_says_what_ollama_needs_and_what_comes_next(ollama):
    code, out, _err = ollama("import", "tarot")
    assert code == 0
    assert "for a moment twice that" in out and "goes on when this terminal is closed" in out
    assert "ollama run tarot" in out


def test_what_cannot_be_imported_makes_no_job(ollama, released, fake):
    assert ollama("import", "tarto")[0] == 2
    assert ollama("import", "tarot", "--as", "塔羅")[0] == 2
    fake.add("tarot:latest")
    assert ollama("import", "tarot")[0] == 3
    assert ollama("import", "tarot", host="http://127.0.0.1:9")[0] == 1
    assert all_jobs(released, "import") == []


def test_what_the_server_declines_is_the_reason_of_the_job(ollama, fake):
    fake.create_error = 'unsupported architecture "\x1b[2JTarot"'
    code, out, _err = ollama("import", "tarot", "--json")
    found = json.loads(out)
    assert (code, found["state"]) == (1, "failed")
    assert "unsupported architecture" in found["reason"] and "\x1b" not in found["reason"]


def test_the_proof_can_be_asked_for_again(ollama, fake):
    ollama("import", "tarot")
    assert ollama("check", "tarot")[0] == 0
    fake.models["tarot:latest"].system = "something else"
    code, _out, err = ollama("check", "tarot")
    assert code == 1 and "system prompt is not the one" in err


def test_list_show_copy_and_remove(ollama, fake):
    assert "no models yet" in ollama("list")[1]
    fake.add("old:latest", template="{{ .Prompt }}\x1b[2J", system="Be brief.")
    code, out, _err = ollama("show", "old")
    assert code == 0 and "Be brief." in out and "{{ .Prompt }}" in out and "\x1b" not in out
    assert ollama("copy", "old", "new")[0] == 0
    assert ollama("copy", "old", "new")[0] == 3
    assert "new:latest" in ollama("list")[1]
    code, _out, err = ollama("rm", "old")
    assert code == 3 and "--yes" in err and "old:latest" in fake.models
    assert ollama("rm", "old", "--yes")[0] == 0 and "old:latest" not in fake.models
    assert ollama("rm", "old", "--yes")[0] == 1


def test_a_server_that_is_not_there_is_one_sentence(ollama):
    code, _out, err = ollama("list", host="http://127.0.0.1:9")
    assert code == 1 and "ollama serve" in err
