"""The client and the import, against a server that keeps Ollama's protocol."""

from __future__ import annotations

import hashlib
import re
import socket
import threading

import pytest

from tarot_tui.errors import BadInput, Refused, TarotError
from tarot_tui.serving import importing
from tarot_tui.serving.abilities import abilities
from tarot_tui.serving.ollama import Ollama, full_name


@pytest.fixture
def ollama(fake):
    with Ollama(fake.host) as client:
        yield client


def create_request(fake) -> dict:
    return next(body for _method, path, body in fake.requests if path == "/api/create")


def test_a_release_arrives_as_it_is_and_its_prompts_are_proven(fake, ollama, release):
    said = []
    done = ollama.create(release, "tarot", on_status=lambda *status: said.append(status))
    digest = "sha256:" + hashlib.sha256(release.ggufs["q8_0"].read_bytes()).hexdigest()
    request = create_request(fake)
    assert re.fullmatch("tarot:unproven-[0-9a-f]{16}", request.pop("model"))
    assert request == {
        "files": {"model.gguf": digest},
        "template": release.template,
        "system": release.system,
        "parameters": {"num_ctx": 4096, "temperature": 0.0, "stop": ["<|im_end|>"]},
        "license": "Apache-2.0",
        "stream": True,
    }
    assert (done.name, [finding.id for finding in done.findings]) == ("tarot:latest", ["ollama.prompt"])
    uploads = [status for status in said if status[0] == "uploading"]
    assert uploads[-1][1:] == (3_000_004, 3_000_004) and len(uploads) > 1
    assert ("validating GGUF model", 50, 100) in said


def test_a_file_that_the_server_holds_is_not_sent_again(fake, ollama, release):
    ollama.create(release, "one")
    ollama.create(release, "two")
    assert len(fake.uploads) == 1
    assert [model.name for model in ollama.models()] == ["one:latest", "two:latest"]


def test_a_name_that_is_taken_is_replaced_only_when_asked(fake, ollama, release):
    fake.add("Tarot:latest", "old")
    with pytest.raises(Refused, match="--replace"):
        ollama.create(release, "tarot")
    assert not fake.uploads and fake.models["Tarot:latest"].template == "old"
    ollama.create(release, "tarot", replace=True)
    assert fake.models["tarot:latest"].template == release.template


def test_an_error_inside_the_stream_is_an_error(fake, ollama, release):
    fake.create_error = 'unsupported architecture "TarotForCausalLM"'
    with pytest.raises(TarotError, match="unsupported architecture"):
        ollama.create(release, "tarot")


def test_a_stream_that_ends_early_is_no_success(fake, ollama, release):
    fake.cut_create = True
    with pytest.raises(TarotError, match="validating GGUF model"):
        ollama.create(release, "tarot")


def test_an_upload_that_breaks_off_is_sent_again_and_said(fake, ollama, release, monkeypatch):
    monkeypatch.setattr(importing, "_WAITS", (0.0, 0.0))
    fake.cut_upload, fake.cut_uploads = 1_000_000, 2
    said = []
    ollama.create(release, "tarot", on_status=lambda *status: said.append(status[0]))
    assert len([what for what in said if "trying again" in what]) == 2
    assert len(fake.uploads) == 1 and "tarot:latest" in fake.models


def test_an_upload_cut_short_says_so_and_can_be_repeated(fake, ollama, release, monkeypatch):
    monkeypatch.setattr(importing, "_WAITS", ())
    fake.cut_upload = 1_000_000
    with pytest.raises(TarotError, match="broke off"):
        ollama.create(release, "tarot")
    fake.cut_upload = None
    ollama.create(release, "tarot")
    assert "tarot:latest" in fake.models


def test_the_server_checks_the_digest(ollama, release):
    with pytest.raises(TarotError, match="digest mismatch"):
        ollama.upload(release.ggufs["q8_0"], "sha256:" + "0" * 64, lambda *_: None)


def test_a_template_that_changed_on_its_way_is_refused(fake, ollama, release):
    fake.change_template = lambda template: template.replace("\n", "", 1)
    with pytest.raises(TarotError, match="template is not the one"):
        ollama.create(release, "tarot")


def test_a_prompt_that_is_rendered_differently_is_refused(fake, ollama, release):
    release.conversations[1]["prompt"] += "\n"
    fake.add("tarot:latest", "old")
    with pytest.raises(TarotError, match=r"'tarot:latest' .* differently.* Nothing was changed"):
        ollama.create(release, "tarot", replace=True)
    assert {name: model.template for name, model in fake.models.items()} == {"tarot:latest": "old"}


def test_only_the_proven_model_remains_even_of_an_import_that_was_killed(fake, ollama, release, monkeypatch):
    with monkeypatch.context() as killed:
        killed.setattr(ollama, "delete", lambda _name: None)
        killed.setattr(ollama, "copy", lambda _name, _to: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ollama.create(release, "tarot")
    assert list(fake.models) != []
    ollama.create(release, "tarot")
    assert list(fake.models) == ["tarot:latest"]


def test_two_that_are_imported_at_once_are_not_taken_for_each_other(fake, ollama, release):
    ollama.create(release, "tarot")
    release.system = "You read cards, and nothing else."
    release.conversations.clear()
    ollama.create(release, "tarot", replace=True)
    tried = {body["model"] for _method, path, body in fake.requests if path == "/api/create"}
    assert len(tried) == 2


@pytest.mark.parametrize("version", ["0.9.6", "0.11.4"])
def test_an_old_server_leaves_the_prompt_unproven(fake, ollama, release, version):
    fake.version = version
    assert [finding.id for finding in ollama.create(release, "tarot").findings] == ["ollama.unproven"]


def test_a_release_without_conversations_leaves_the_prompt_unproven(ollama, release):
    release.conversations = []
    assert [finding.id for finding in ollama.create(release, "tarot").findings] == ["ollama.unproven"]


def test_a_release_without_a_go_template_needs_a_server_that_reads_jinja(fake, ollama, release):
    release.template, release.conversations = None, []
    fake.version = "0.29.9"
    with pytest.raises(Refused, match=r"0\.30"):
        ollama.create(release, "tarot")
    fake.version = "0.30.0"
    ollama.create(release, "tarot")
    assert "template" not in create_request(fake)


def test_a_release_that_needs_a_newer_server_is_not_sent_to_an_older(fake, ollama, release):
    release.facts["template"]["ollama"] = "0.9.0"
    fake.version = "0.8.9"
    with pytest.raises(Refused, match=r"0\.9\.0"):
        ollama.create(release, "tarot")
    assert not fake.uploads
    fake.version = "0.11.5"
    ollama.create(release, "tarot")


def test_an_unknown_quantisation_names_those_there_are(ollama, release):
    with pytest.raises(BadInput, match="q8_0"):
        ollama.create(release, "tarot", quant="q2_k")


@pytest.mark.parametrize("name", ["塔羅", "my tarot", "-tarot", "a.b/tarot", "tarot:", "x" * 81, "a/b/c/d"])
def test_names_that_ollama_declines_are_declined_before_anything_is_sent(fake, ollama, release, name):
    with pytest.raises(BadInput):
        ollama.create(release, name)
    assert not fake.uploads


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("tarot", "tarot:latest"),
        ("me/tarot:v1", "me/tarot:v1"),
        ("host:80/me/tarot", "host:80/me/tarot:latest"),
    ],
)
def test_a_name_without_a_tag_is_the_latest(name, full):
    assert full_name(name) == full


def test_chat_streams_and_counts(fake, ollama):
    fake.add("tarot:latest")
    messages = [{"role": "user", "content": "愚者?"}]
    assert list(ollama.chat("tarot", messages, temperature=0)) == fake.answer
    assert (ollama.stats.tokens, ollama.stats.per_second, ollama.stats.prompt_tokens) == (3, 6.0, 12)
    assert fake.requests[-1][2]["options"] == {"temperature": 0}


def test_a_line_separator_inside_an_answer_does_not_break_the_stream(fake, ollama):
    fake.add("tarot:latest")
    fake.answer = ["a\x85b\u2028c\nd", "é"]
    assert list(ollama.chat("tarot", [{"role": "user", "content": "?"}])) == fake.answer


def test_an_answer_cut_short_is_an_error(fake, ollama):
    fake.add("tarot:latest")
    fake.cut_answer = True
    with pytest.raises(TarotError, match="broke off"):
        list(ollama.chat("tarot", [{"role": "user", "content": "?"}]))


def test_an_answer_can_be_cancelled_from_another_thread(fake, ollama):
    fake.add("tarot:latest")
    fake.hold_answer = threading.Event()
    pieces = ollama.chat("tarot", [{"role": "user", "content": "?"}])
    assert next(pieces) == "The Fool"
    # The next piece is a wait of seconds away; cancelling must wake the waiting thread.
    rest: list[str] = []
    reader = threading.Thread(target=lambda: rest.extend(pieces))
    reader.start()
    ollama.cancel()
    reader.join(60)
    assert not reader.is_alive() and rest == []
    fake.hold_answer.set()


def test_an_unknown_model_is_told_in_the_servers_words(ollama):
    with pytest.raises(TarotError, match="model 'nobody' not found"):
        list(ollama.chat("nobody", [{"role": "user", "content": "?"}]))
    with pytest.raises(TarotError, match="not found"):
        ollama.show("nobody")


def test_a_copy_is_a_second_name(fake, ollama):
    fake.add("tarot:latest", system="S")
    ollama.copy("tarot", "tarot:v1")
    assert ollama.show("tarot:v1")["system"] == "S"


@pytest.mark.parametrize(
    ("version", "shows", "jinja"),
    [
        ("0.11.4", False, False),
        ("0.11.5", True, False),
        ("0.29.9", True, False),
        ("0.30.0", True, True),
        ("0.34.1-rc0", True, True),
        ("0.0.0", True, True),
    ],
)
def test_what_a_server_can_is_read_off_its_version(version, shows, jinja):
    found = abilities(version)
    assert (found.shows_prompts, found.reads_jinja, found.rewrites_files) == (shows, jinja, jinja)


def test_what_the_server_needs_is_said_before_anything_is_sent(fake, ollama, release):
    assert "twice" in importing.check_import(ollama, release, "tarot").room
    fake.version = "0.29.0"
    assert "twice" not in importing.check_import(ollama, release, "tarot").room
    assert not fake.uploads


def test_delete_removes(fake, ollama):
    fake.add("tarot:latest")
    ollama.delete("tarot:latest")
    assert ollama.models() == []


def test_nobody_there_says_how_to_start_it(fake):
    host = fake.host
    fake.__exit__()
    with Ollama(host) as client, pytest.raises(TarotError, match="ollama serve"):
        client.version()
    assert not Ollama(host).running()


def test_something_else_that_answers_is_not_taken_for_ollama(fake, monkeypatch):
    from fakes.ollama import _Handler

    def greet(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "5")
        handler.end_headers()
        handler.wfile.write(b"<htm>")

    monkeypatch.setattr(_Handler, "do_GET", greet)
    with Ollama(fake.host) as client, pytest.raises(TarotError, match="not Ollama"):
        client.version()


def test_a_proxy_is_not_asked_for_this_machine(fake, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert Ollama(fake.host).version() == fake.version


def test_a_distant_server_is_asked_through_a_socks_proxy(monkeypatch):
    greeted = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:

        def serve():
            connection, _address = proxy.accept()
            with connection:
                greeted.append(connection.recv(1))

        thread = threading.Thread(target=serve)
        thread.start()
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{proxy.getsockname()[1]}")
        with Ollama("192.0.2.1") as ollama, pytest.raises(TarotError):
            ollama.version()
        thread.join()
    assert greeted == [b"\x05"]  # RFC 1928: the version comes first


@pytest.mark.parametrize("host", ["http://[", "http://1.2.3.4:80:90["])
def test_an_address_that_is_none_is_one_sentence(host):
    with Ollama(host) as ollama, pytest.raises(BadInput, match="look at OLLAMA_HOST"):
        ollama.version()


def test_a_proxy_of_an_unknown_kind_is_one_sentence(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "ftp://me:secret@127.0.0.1:9")
    with Ollama("192.0.2.1") as ollama, pytest.raises(BadInput, match="the proxies") as caught:
        ollama.version()
    assert "secret" not in str(caught.value)
