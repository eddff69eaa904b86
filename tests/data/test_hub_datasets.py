"""Datasets of the hub become sources of the project, or are registered where they are. A loopback hub answers."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tarot_tui.data import registry, sources
from tarot_tui.data.sources import hub
from tarot_tui.errors import BadInput, Refused, TarotError

ROWS = b'{"Card": "Fool", "Meaning": "leap"}\n'
SAMPLES = b'[{"instruction": "q", "input": "", "output": "a"}]'


def fake() -> ModuleType:
    path = Path(__file__).parents[1] / "fakes" / "hub_datasets.py"
    spec = importlib.util.spec_from_file_location("fake_hub", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def server(monkeypatch, tmp_path) -> Iterator[object]:
    with fake().serve() as found:
        monkeypatch.setenv("HF_ENDPOINT", found.endpoint)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield found


def fetched(project, name, **options):
    said = []
    paths = hub.fetch(project, hub.choose(name, **options), said.append)
    return [project.relative(path) for path in paths], said


def test_a_dataset_is_fetched_once_and_can_be_built_from(project, server, tarot):
    server.datasets["org/deck"] = {"cards.jsonl": ROWS, "README.md": b"# x", "dataset_infos.json": b"{}"}
    paths, said = fetched(project, "org/deck")
    assert paths == ["sources/hub/org--deck/cards.jsonl"]
    assert said == ["Downloading cards.jsonl (36 B) …"]
    assert tarot("build", project.sources, "-o", "deck")[0] == 0

    server.asked.clear()
    assert fetched(project, "org/deck")[0] == paths
    assert not [one for one in server.asked if one.startswith("GET") and "resolve" in one]


def test_only_the_files_of_the_split_are_taken(project, server):
    names = [
        "data/train-00000-of-00002.parquet",
        "data/train-00001-of-00002.parquet",
        "data/test-00000.parquet",
    ]
    server.datasets["org/d"] = dict.fromkeys(names, b"x")
    assert list(hub.choose("org/d").files) == names[:2]
    assert list(hub.choose("org/d", split="test").files) == names[2:]
    with pytest.raises(BadInput, match="split 'validation'"):
        hub.choose("org/d", split="validation")


def test_files_that_name_no_split_are_all_for_training(project, server):
    server.datasets["org/d"] = {"a.csv": b"x", "b/c.json": b"[]", "test.csv": b"y"}
    assert list(hub.choose("org/d").files) == ["a.csv", "b/c.json"]


def test_the_card_says_which_files_make_up_a_split(project, server):
    server.datasets["org/d"] = {"zh/deck.csv": b"x", "zh/eval.csv": b"y", "en/deck.csv": b"z"}
    server.cards["org/d"] = {
        "configs": [
            {"config_name": "zh", "data_files": [{"split": "train", "path": "zh/d*.csv"}, {"split": "held", "path": ["zh/eval.csv"]}]},
            {"config_name": "en", "data_files": "en/**/*.csv"},
        ]
    }  # fmt: skip
    assert list(hub.choose("org/d", config="zh").files) == ["zh/deck.csv"]
    assert list(hub.choose("org/d", config="zh", split="held").files) == ["zh/eval.csv"]
    assert list(hub.choose("org/d", config="en").files) == ["en/deck.csv"]
    for options, says in (
        ({}, "choose one with --config: zh, en"),
        ({"config": "fr"}, "zh, en"),
        ({"config": "zh", "split": "x"}, "has no split 'x'; there is train, held"),
    ):
        with pytest.raises(BadInput, match=says):
            hub.choose("org/d", **options)


def test_a_path_out_of_the_folder_is_not_taken(project, server):
    server.datasets["org/d"] = {
        "../../evil.csv": b"x",
        "/etc/evil.csv": b"x",
        "a/.hidden/x.csv": b"x",
        "ok.csv": b"a\n1\n",
    }
    assert list(hub.choose("org/d").files) == ["ok.csv"]


def test_a_download_that_breaks_off_goes_on_where_it_stopped(project, server):
    content = b"a,b\n" + b"1,2\n" * 300_000
    server.datasets["org/d"] = {"big.csv": content}
    server.cut.add("big.csv")
    paths, _said = fetched(project, "org/d")
    assert (project.root / paths[0]).read_bytes() == content


@pytest.mark.parametrize(
    ("status", "code", "kind", "says"),
    [
        (403, "GatedRepo", BadInput, "is gated: accept its terms at"),
        (401, "RepoNotFound", BadInput, "is not on the hub, or private"),
        (500, "", TarotError, "could not be downloaded"),
    ],
)
def test_what_the_hub_refuses_is_one_sentence(server, status, code, kind, says):
    server.refuse["org/d"] = (status, code)
    with pytest.raises(kind, match=says) as error:
        hub.choose("org/d")
    assert "\n" not in str(error.value)


def test_a_revision_that_is_not_there_is_said(server):
    server.datasets["org/d"] = {"a.csv": b"x"}
    with pytest.raises(BadInput, match="no such revision"):
        hub.choose("org/d", revision="gone")


def test_a_hub_that_does_not_answer_is_one_sentence(server, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(TarotError, match="org/d could not be downloaded"):
        hub.choose("org/d")


@pytest.mark.parametrize("name", ["deck", "a/b/c", "../x", "a b/c", ""])
def test_what_is_no_name_is_refused_unasked(server, name):
    with pytest.raises(BadInput, match="owner/name"):
        hub.choose(name)
    assert server.asked == []


def test_what_the_disk_has_no_room_for_is_refused(project, server):
    choice = hub.Choice("org/d", "0" * 40, {"a.csv": 1 << 60})
    with pytest.raises(Refused, match="org/d takes"):
        hub.fetch(project, choice)


def test_the_command_fetches_and_says_what_comes_next(project, server, tarot):
    server.datasets["org/deck"] = {"cards.jsonl": ROWS}
    server.datasets["org/chat"] = {"chat.json": SAMPLES}
    code, out, _err = tarot("fetch", "org/deck", "--json")
    found = json.loads(out)
    assert code == 0 and found["files"] == ["sources/hub/org--deck/cards.jsonl"] and found["kind"] == "rows"
    assert "next: tarot-tui data build sources/hub/org--deck -o deck" in tarot("fetch", "org/deck")[1]
    assert "next: tarot-tui data build sources/hub/org--chat -o chat" in tarot("fetch", "org/chat")[1]


def test_the_command_registers_without_a_download(project, server, tarot):
    assert tarot("fetch", "org/chat", "--register", "chat", "--format", "sharegpt", "--config", "zh")[0] == 0
    assert registry.read(project)["chat"] == {
        "hf_hub_url": "org/chat",
        "subset": "zh",
        "split": "train",
        "formatting": "sharegpt",
        "columns": {"messages": "conversations"},
    }
    assert server.asked == []
    assert tarot("fetch", "org/chat", "--register", "chat")[0] == 2


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.json", SAMPLES, "samples"),
        ("a.jsonl", b'{"messages": []}', "samples"),
        ("b.jsonl", b'{"conversations": []}', "samples"),
        ("c.jsonl", ROWS, "rows"),
        ("a.csv", b"instruction,output\n1,2\n", "rows"),
        ("broken.json", b"[", "rows"),
    ],
)
def test_samples_are_told_from_rows(written, name, content, kind):
    assert sources.kind(written(name, content)) == kind
