"""OLLAMA_HOST, against what envconfig.ConnectableHost makes of the same values."""

from __future__ import annotations

import pytest

from tarot_tui.ollama_host import is_this_machine, ollama_url


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("1.2.3.4", "http://1.2.3.4:11434"),
        (":1234", "http://127.0.0.1:1234"),
        ("1.2.3.4:1234", "http://1.2.3.4:1234"),
        ("gpu-box", "http://gpu-box:11434"),
        ("gpu-box:80", "http://gpu-box:80"),
        ("http://gpu-box", "http://gpu-box:80"),
        ("https://gpu-box", "https://gpu-box:443"),
        ("https://gpu-box:5000", "https://gpu-box:5000"),
        ("http://gpu-box:5000/", "http://gpu-box:5000"),
        ("https://example.com/ollama", "https://example.com:443/ollama"),
        ("ollama.com", "https://ollama.com:443"),
        ("gpu-box:99999", "http://gpu-box:11434"),
        ("gpu-box:abc", "http://gpu-box:11434"),
        ("http://gpu-box:-1", "http://gpu-box:80"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("::1", "http://[::1]:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("[::]:8080", "http://[::1]:8080"),
        ("[2001:db8::1]:1337", "http://[2001:db8::1]:1337"),
        (' "gpu-box:1" ', "http://gpu-box:1"),
    ],
)
def test_host_is_read_as_ollama_reads_it(monkeypatch, value, url):
    monkeypatch.setenv("OLLAMA_HOST", value)
    assert ollama_url() == url


def test_a_host_given_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", "elsewhere")
    assert ollama_url("here:1") == "http://here:1"


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:1", True),
        ("http://localhost:1", True),
        ("http://[::1]:1", True),
        ("http://gpu-box:1", False),
    ],
)
def test_this_machine_is_told_from_others(url, local):
    assert is_this_machine(url) is local
