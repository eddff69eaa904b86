"""The project folder: found from below, created once, written to atomically."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from tarot_tui.errors import BadInput
from tarot_tui.project import (
    FOLDERS,
    Project,
    create,
    find,
    read_yaml,
    replacing,
    safe_name,
    umask,
    write_text,
)


def test_a_project_is_found_from_any_folder_below_it(tmp_path):
    made = create(tmp_path / "我的專案 one")
    deep = made.data / "a" / "b"
    deep.mkdir(parents=True)
    assert find(deep).root == made.root


def test_no_project_is_one_sentence_that_says_what_to_type(tmp_path):
    with pytest.raises(BadInput, match="tarot-tui init"):
        find(tmp_path)


def test_creating_twice_changes_nothing(tmp_path):
    create(tmp_path)
    write_text(tmp_path / "tarot.yaml", "version: 1\nlanguage: zh_TW\n")
    create(tmp_path)
    assert Project(tmp_path).settings() == {"version": 1, "language": "zh_TW"}
    assert all((tmp_path / name).is_dir() for name in FOLDERS)


def test_a_file_in_the_way_is_said(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(BadInput, match="in the way"):
        create(tmp_path / "x")


def test_an_unknown_setting_is_named(tmp_path):
    create(tmp_path)
    (tmp_path / "tarot.yaml").write_text("version: 1\nlangauge: en\n")
    with pytest.raises(BadInput, match="langauge"):
        Project(tmp_path).settings()


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "-rf", "a b", "x\n", "a" * 200])
def test_a_name_that_could_leave_the_folder_is_refused(name):
    with pytest.raises(BadInput):
        safe_name(name, "dataset")


@pytest.mark.parametrize("name", ["tarot", "塔羅牌", "q4_k-m.v2+x", "78"])
def test_a_name_in_any_script_is_fine(name):
    assert safe_name(name, "dataset") == name


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(RuntimeError), replacing(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_write_that_cannot_be_names_the_file_itself(tmp_path):
    with pytest.raises(OSError) as caught:
        write_text(tmp_path / "nowhere/x.ipynb", "text")
    assert caught.value.filename == str(tmp_path / "nowhere/x.ipynb")


def test_a_write_honours_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "file", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_threads_that_write_at_once_leave_the_umask_as_it_is(tmp_path):
    before = os.umask(0o027)
    try:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda number: write_text(tmp_path / str(number), "x"), range(300)))
        assert umask() == 0o027
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o640}


def test_paths_are_stored_relative_so_the_folder_can_move(tmp_path):
    project = create(tmp_path / "p")
    stored = project.relative(project.data / "x.json")
    assert stored == "data/x.json"
    moved = (tmp_path / "p").rename(tmp_path / "q")
    assert Project(moved).resolve(stored) == moved / "data" / "x.json"


def test_what_is_remembered_survives_and_damage_counts_as_nothing(tmp_path):
    project = create(tmp_path)
    project.remember("step", "train")
    assert Project(tmp_path).recall("step") == "train"
    (project.state / "state.json").write_text("{")
    assert project.recall("step", "environment") == "environment"


@pytest.mark.parametrize(
    ("text", "said"),
    [("a: [1", "line 2"), ("- 1\n- 2\n", "list"), (b"\xff\xfe", "UTF-8"), ("a: b: c", "line 1")],
)
def test_broken_yaml_is_said_with_its_place(tmp_path, text, said):
    path = tmp_path / "x.yaml"
    path.write_bytes(text if isinstance(text, bytes) else (text + "\n").encode())
    with pytest.raises(BadInput, match=said):
        read_yaml(path)


def test_yaml_nested_too_deeply_is_said(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("[" * 100_000)
    with pytest.raises(BadInput, match="nested"):
        read_yaml(path)
