"""``tarot-tui publish``: what goes out, what must not, and that all of it arrives."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest
import yaml
from fakes.hub import TOKEN, Repository

from tarot_tui.cli import main
from tarot_tui.jobs.find import all_jobs
from tarot_tui.jobs.follow import follow
from tarot_tui.publish.contents import collect
from tarot_tui.publish.launch import launch, offer

GGUF = b"GGUF" + bytes(range(256)) * 4000


@pytest.fixture
def publish(released, capsys):
    """Runs one ``tarot-tui publish`` command in the project and returns its exit code and both outputs."""

    def command(*arguments):
        code = main(["--project", str(released.root), "publish", *arguments])
        return code, *capsys.readouterr()

    return command


def everything(project) -> str:
    """All text below the project's job folders."""
    files = [path for path in project.jobs.rglob("*") if path.is_file()]
    return "\n".join(path.read_bytes().decode("utf-8", "replace") for path in files)


def test_a_model_goes_to_the_hub_privately_in_one_commit(publish, hub, released):
    code, out, _err = publish("tarot", "--to", "hub:me/tarot", "--yes", "--json")
    found = json.loads(out)
    assert (code, found["state"], found["public"]) == (0, "finished", False)
    repository = hub.repositories["me/tarot"]
    assert repository.private and len(repository.commits) == 1
    assert repository.files["tarot-q8_0.gguf"] == GGUF
    assert set(repository.files) == {
        "LICENSE",
        "Modelfile",
        "README.md",
        "params",
        "system",
        "tarot-q8_0.gguf",
        "template",
    }
    assert repository.files["system"].decode() == "你是塔羅師。"
    assert json.loads(repository.files["params"]) == {"num_ctx": 4096, "stop": ["<|im_end|>"]}
    assert found["address"].endswith("/me/tarot")


def test_the_card_says_what_it_is_and_how_it_was_made(publish, hub):
    publish("tarot", "--to", "hub:me/tarot", "--yes")
    text = hub.repositories["me/tarot"].files["README.md"].decode()
    _empty, front, body = text.split("---\n", 2)
    front = yaml.safe_load(front)
    assert front["license"] == "apache-2.0"
    assert front["base_model"] == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert (front["base_model_relation"], front["library_name"]) == ("finetune", "gguf")
    assert "| `lora_rank` | 8 |" in body and "ab" * 32 in body and "> 你是塔羅師。" in body


def test_the_token_is_written_nowhere(publish, hub, released):
    publish("tarot", "--to", "hub:me/tarot", "--yes")
    assert all_jobs(released, "publish")
    assert TOKEN not in everything(released)


def test_what_arrived_before_it_failed_is_not_sent_again(publish, hub):
    hub.declined_commits = 1
    code, out, _err = publish("tarot", "--to", "hub:me/tarot", "--yes", "--json")
    assert code == 1 and "out of order" in json.loads(out)["reason"]
    assert hub.repositories["me/tarot"].files == {} and len(hub.uploads) == 1
    assert publish("tarot", "--to", "hub:me/tarot", "--yes")[0] == 0
    assert len(hub.uploads) == 1 and hub.repositories["me/tarot"].files["tarot-q8_0.gguf"] == GGUF


def test_a_hub_that_is_not_there_is_one_sentence(publish, hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    code, _out, err = publish("tarot", "--to", "hub:me/tarot", "--yes")
    assert code == 1 and "connection to the hub" in err


def test_a_public_repository_is_not_written_to_unasked(publish, hub, released):
    hub.repositories["me/tarot"] = Repository(private=False)
    code, _out, err = publish("tarot", "--to", "hub:me/tarot", "--yes")
    assert code == 3 and "--public" in err
    assert publish("tarot", "--to", "hub:me/tarot", "--yes", "--public")[0] == 0
    assert GGUF in hub.repositories["me/tarot"].files.values()


def test_a_token_that_may_not_write_is_one_sentence(publish, hub):
    hub.readonly = True
    code, out, _err = publish("tarot", "--to", "hub:me/tarot", "--yes", "--json")
    assert code == 1 and "right to write" in json.loads(out)["reason"]


def test_without_a_token_nothing_starts(publish, hub, released, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    code, _out, err = publish("tarot", "--to", "hub:me/tarot", "--yes")
    assert code == 3 and "tarot-tui login" in err
    assert all_jobs(released, "publish") == []


def test_it_asks_before_anything_leaves_the_machine(publish, hub):
    code, _out, err = publish("tarot", "--to", "hub:me/tarot")
    assert code == 3 and "--yes" in err and hub.repositories == {}


def test_what_would_be_sent_can_be_seen_first(publish, hub, released):
    code, out, _err = publish("tarot", "--to", "hub:me/tarot", "--dry-run")
    assert code == 0 and "private" in out and "tarot-q8_0.gguf" in out
    assert hub.repositories == {} and all_jobs(released, "publish") == []


def test_an_adapter_takes_nothing_else_of_its_job_along(publish, hub):
    assert publish("tarot", "--what", "adapter", "--to", "hub:me/lora", "--yes")[0] == 0
    files = hub.repositories["me/lora"].files
    assert set(files) == {
        "LICENSE",
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "tokenizer.json",
    }
    assert "base_model_relation: adapter" in files["README.md"].decode()


def test_a_base_that_is_a_folder_here_is_not_told_to_the_world(released, trained):
    spec = (trained / "job.yaml").read_text()
    (trained / "job.yaml").write_text(spec.replace("HuggingFaceTB/SmolLM2-135M-Instruct", "/home/me/llama"))
    found = collect(released, trained.name)
    assert json.loads(found.texts["adapter_config.json"])["base_model_name_or_path"] == "llama"
    assert [finding.id for finding in found.findings] == ["publish.local_base"]
    assert "/home/me" not in "".join(found.texts.values())


def test_a_folder_gets_whole_files_that_the_user_s_group_may_read(publish, tmp_path, released):
    place = tmp_path / "shared drive" / "models"
    before = os.umask(0o022)
    try:
        code, _out, _err = publish("tarot", "--to", str(place))
    finally:
        os.umask(before)
    assert code == 0 and (place / "tarot-q8_0.gguf").read_bytes() == GGUF
    assert stat.S_IMODE((place / "tarot-q8_0.gguf").stat().st_mode) == 0o644
    assert stat.S_IMODE(place.stat().st_mode) == 0o755
    (log,) = released.jobs.glob("*-publish-tarot/log.txt")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert not [path for path in place.iterdir() if path.name.startswith(".")]


def test_the_models_of_the_project_are_no_place_to_publish_to(publish, released):
    assert publish("tarot", "--to", str(released.models / "tarot"))[0] == 3


def test_what_is_in_a_folder_already_is_not_written_over_unasked(publish, tmp_path, monkeypatch):
    place = tmp_path / "mine"
    place.mkdir()
    (place / "README.md").write_text("mine")
    code, _out, err = publish("tarot", "--to", str(place))
    assert code == 3 and "--replace" in err and (place / "README.md").read_text() == "mine"
    assert [path.name for path in place.iterdir()] == ["README.md"]
    assert publish("tarot", "--to", str(place), "--replace")[0] == 0
    assert (place / "tarot-q8_0.gguf").read_bytes() == GGUF
    # The same once more changes nothing, and so needs no leave.
    assert publish("tarot", "--to", str(place))[0] == 0
    # Another training of the same size is another model.
    for name in ("tarot-q8_0.gguf", "README.md"):
        was = (place / name).read_bytes()
        (place / name).write_bytes(was[:-1] + bytes([was[-1] ^ 1]))
        code, _out, err = publish("tarot", "--to", str(place))
        assert code == 3 and name in err
        (place / name).write_bytes(was)
    monkeypatch.chdir(place)
    assert publish("tarot", "--to", " ")[0] == 2


def test_a_place_that_cannot_take_it_is_told_before_anything_is_copied(publish, tmp_path, mount_small_disk):
    (tmp_path / "file").touch()
    code, _out, err = publish("tarot", "--to", str(tmp_path / "file/x"))
    assert code == 2 and f"{tmp_path}/file is a file" in err
    disk = mount_small_disk("16k")
    code, _out, err = publish("tarot", "--to", str(disk / "x"))
    assert code == 2 and "make room" in err and not (disk / "x").exists()


def test_what_a_file_system_declines_on_the_way_is_one_sentence(
    publish, tmp_path, released, mount_small_disk
):
    disk = mount_small_disk("2m")
    offered = offer(released, "tarot", str(disk / "x"))
    (disk / "fill").write_bytes(bytes(3 << 19))
    job = launch(released, offered)
    ended = follow(job, on_line=lambda line: None, on_status=lambda status: None)
    assert ended.state == "failed" and "publish again" in ended.reason
    assert not list((disk / "x").iterdir())


def test_a_drive_is_rclone_s(publish, tmp_path, monkeypatch):
    # Beside the Python that runs this, where pip puts it.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("RCLONE_CONFIG", str(tmp_path / "rclone.conf"))
    monkeypatch.setenv("RCLONE_CONFIG_GDRIVE_TYPE", "alias")
    monkeypatch.setenv("RCLONE_CONFIG_GDRIVE_REMOTE", str(tmp_path / "drive"))
    code, out, _err = publish("tarot", "--to", "gdrive:models/塔羅", "--yes", "--json")
    assert (code, json.loads(out)["address"]) == (0, "gdrive:models/塔羅")
    assert (tmp_path / "drive/models/塔羅/tarot-q8_0.gguf").read_bytes() == GGUF
    code, _out, err = publish("tarot", "--to", "onedrive:models", "--yes")
    assert code == 2 and "gdrive" in err and "rclone config" in err


def test_without_rclone_a_drive_is_refused_with_the_way_to_get_it(publish, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    code, _out, err = publish("tarot", "--to", "gdrive:models", "--yes")
    assert code == 3 and "rclone.org/install" in err


@pytest.mark.parametrize("place", ["hub:tarot", "hub:me/ta rot", "hub:me/../tarot", "hub:"])
def test_a_repository_has_an_owner_and_a_name(publish, place):
    code, _out, err = publish("tarot", "--to", place, "--yes")
    assert code == 2 and "hub:OWNER/NAME" in err


def test_what_there_is_not_cannot_be_published(publish):
    code, _out, err = publish("tarot", "--what", "merged", "--to", "somewhere")
    assert code == 2 and "gguf, adapter" in err
    assert publish("tarto", "--to", "somewhere")[0] == 2


def test_the_note_for_open_webui_says_what_to_leave_alone(publish):
    code, out, _err = publish("tarot", "--to", "open-webui")
    assert code == 0 and "System Prompt" in out and "replaces it" in out
