"""What the tests of every room share: a project, the real small model, and a tiny one with its tokenizer."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Threads that wait by spinning take the machine from every other test's processes.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from tarot_tui.locale import set_language
from tarot_tui.project import Project, create

# An example may take as long as it does on a busy machine, and the same ones are tried each time; others are with
# --hypothesis-profile=search. What a fixture gives is a place that each example writes anew.
for _profile, _same in (("steady", True), ("search", False)):
    settings.register_profile(
        _profile,
        deadline=None,
        derandomize=_same,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every test begins in English and with nothing chosen, whatever the machine speaks and the test before it chose."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TAROT_TUI_LANG", "en")
    monkeypatch.setenv("LANGUAGE", "en")
    set_language("en")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project in a folder of its own."""
    return create(tmp_path / "project")


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The embedded SmolLM2-135M-Instruct as a Hugging Face folder (fetched and converted once per machine)."""
    from tarot_tui.training import embedded

    return embedded.prepare(say=lambda line: None)


@pytest.fixture(scope="session")
def tiny_llama(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of two layers and 3 M parameters in bf16, with SmolLM2's tokenizer: for what needs no sense."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=2048, tie_word_embeddings=True,
        bos_token_id=1, eos_token_id=2, pad_token_id=2,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copyfile(smollm2 / name, folder / name)
    return folder


@pytest.fixture
def control_group() -> Iterator[Callable[[int], Path]]:
    """Makes a control group with so many bytes of memory, below the one that this process is in; gone after the test.

    Skips where none can be made.
    """
    from tarot_tui.jobs import cgroup

    made: list[Path] = []

    def make(limit: int) -> Path:
        version, ours = next(cgroup.memory_groups(), (0, Path()))
        group = ours / f"tarot-test-{os.getpid()}-{len(made)}"
        try:
            group.mkdir()
            made.append(group)
            (group / ("memory.max" if version == 2 else "memory.limit_in_bytes")).write_text(str(limit))
        except OSError as error:
            pytest.skip(f"no control group with a memory limit can be made here: {error}")
        return group

    yield make
    deadline = time.monotonic() + 10
    for group in made:
        while (group / "cgroup.procs").read_text() and time.monotonic() < deadline:
            time.sleep(0.02)
        group.rmdir()


@pytest.fixture
def mount_small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system of its own, of a size such as ``2m``; gone after the test. Skips where that is not allowed."""
    places: list[Path] = []

    def mount(size: str) -> Path:
        place = tmp_path / f"small{len(places)}"
        place.mkdir()
        if os.geteuid() != 0:
            pytest.skip("only root may mount a file system")
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
        mounted = subprocess.run(command, capture_output=True, text=True)
        if mounted.returncode:
            pytest.skip(f"mount is not allowed here: {mounted.stderr.strip()}")
        places.append(place)
        return place

    yield mount
    for place in places:
        subprocess.run(["umount", "-l", str(place)], check=True)
