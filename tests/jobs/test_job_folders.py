"""Making job folders, and finding the one that is meant."""

from __future__ import annotations

import pytest
import yaml

from tarot_tui.errors import BadInput
from tarot_tui.jobs import files, spec
from tarot_tui.jobs.find import all_jobs, resolve, slug


@pytest.fixture
def make(project):
    """Makes a job of the given slug and kind."""
    return lambda name, kind="train": spec.create(project, kind, name, ["true"], {})


def test_the_request_is_kept_readable(project):
    folder = spec.create(
        project,
        "train",
        "偉特 deck",
        ["true", "{job}"],
        {"model": "牌"},
        {"A": "1"},
        60,
        stop_grace=5,
        title="My deck",
    )
    assert folder.parent == project.jobs
    assert slug(folder) == "偉特-deck"
    assert "牌" in (folder / files.SPEC).read_text("utf-8")
    found = spec.read_spec(folder)
    assert found["versions"]["tarot-tui"] and found["created"]
    del found["versions"], found["created"]
    assert found == {
        "kind": "train", "title": "My deck", "argv": ["true", "{job}"], "env": {"A": "1"}, "total": 60, "stop_grace": 5,
        "request": {"model": "牌"},
    }  # fmt: skip
    assert spec.kind_of(folder) == "train"


@pytest.mark.parametrize("name", ["", "..", "../../etc", "-1", "a/b\n", "長" * 200, ".hidden"])
def test_any_text_becomes_a_folder_in_jobs(project, make, name):
    folder = make(name)
    assert folder.parent == project.jobs and folder.is_dir()
    assert resolve(project, folder.name) == folder


def test_jobs_made_within_a_second_still_sort_by_age(project, make):
    made = [make(name) for name in ("c", "b", "a", "a")]
    assert all_jobs(project) == made


def test_a_job_that_cannot_be_written_leaves_no_folder(project):
    with pytest.raises(yaml.YAMLError):
        spec.create(project, "train", "x", ["true"], {"not yaml": object()})
    assert list(project.jobs.iterdir()) == []


def test_a_job_is_found_by_name_prefix_slug_path_and_age(project, make):
    deck, other, export = make("deck"), make("other"), make("deck-q4", "export")
    for ref in (deck.name, deck.name[:15], "deck", f"jobs/{deck.name}/", "-3"):
        assert resolve(project, ref) == deck
    assert resolve(project, "-1") == export
    assert resolve(project, "-1", kind="train") == other
    assert resolve(project, "oth") == other
    assert all_jobs(project, "export") == [export]


@pytest.mark.parametrize("ref", ["20", "de", "nothing", "", "-9", "../jobs", "\x1b[2J"])
def test_what_is_not_one_job_is_refused_with_what_there_is(project, make, ref):
    make("deck")
    make("deep")
    with pytest.raises(BadInput) as caught:
        resolve(project, ref)
    assert "deep" in str(caught.value) or "2 runs" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_a_project_without_jobs_says_so(project):
    with pytest.raises(BadInput, match="no runs"):
        resolve(project, "-1")
    project.jobs.rmdir()
    assert all_jobs(project) == []


def test_folders_that_are_no_jobs_are_passed_over(project, make):
    job = make("deck")
    (project.jobs / "notes").mkdir()
    (project.jobs / "zzz").write_text("")
    assert all_jobs(project) == [job]


def test_the_head_of_a_job_is_read_without_its_request(job):
    folder = job(title="train: '牌' #1")
    assert spec.read_head(folder)["title"] == "train: '牌' #1" and spec.read_head(folder)["kind"] == "train"
    assert "request" not in spec.read_head(folder)
    (folder / "job.yaml").write_bytes(b"kind: [\xff")
    assert spec.read_head(folder) == {}
