"""What llama-quantize makes for us. Its place is taken by a script around the same library function (in cyllama)."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tarot_tui.cli import main
from tarot_tui.errors import TarotError
from tarot_tui.export import llama_quantize
from tarot_tui.export.release import read_release

# It has no wheel for every Python.
pytestmark = pytest.mark.skipif(
    find_spec("cyllama") is None, reason="needs cyllama, llama.cpp's own quantiser"
)

STAND_IN = """#!{python}
import sys
from cyllama.llama import llama_cpp
print("main: arguments", *sys.argv[1:], file=open({told!r}, "a"))
words = sys.argv[1:]
if words[0] == "--imatrix":
    open(words[1]).close()
    words = words[2:]
source, target, name, threads = words
wanted = llama_cpp.LlamaModelQuantizeParams()
wanted.ftype, wanted.nthread = {{"IQ4_XS": 30, "IQ3_M": 27, "Q4_K_M": 15}}[name], int(threads)
if name == "IQ3_M":
    sys.exit("main: error: something is wrong here")
llama_cpp.model_quantize(source, target, wanted)
"""


@pytest.fixture
def program(tmp_path, monkeypatch) -> Path:
    """llama-quantize on PATH; what it was asked for comes to stand in ``told`` beside it."""
    pytest.importorskip("cyllama")
    path = tmp_path / "bin/llama-quantize"
    path.parent.mkdir()
    path.write_text(STAND_IN.format(python=sys.executable, told=str(tmp_path / "bin/told")))
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
    return path


@pytest.fixture
def tarot(project, capsys):
    """Run a command line in the project: exit code, standard output, standard error."""

    def run(*words: object) -> tuple[int, str, str]:
        code = main([*map(str, words), "--project", str(project.root), "--lang", "en"])
        return code, *capsys.readouterr()

    return run


def test_an_iq_type_is_made_of_a_16_bit_file_that_does_not_stay(project, tarot, program, tiny_llama):
    code, out, err = tarot(
        "export", "--base", tiny_llama, "-o", "reader", "--threads", "1", "--quant", "q8_0,iq4_xs"
    )
    assert code == 0, out + err
    release = read_release(project, "reader")
    assert list(release.ggufs) == ["q8_0", "iq4_xs"]
    assert not list(release.folder.glob("*bf16*")) and not list(release.folder.glob(".*"))
    sizes = {quant: path.stat().st_size for quant, path in release.ggufs.items()}
    assert release.facts["ggufs"]["iq4_xs"]["bytes"] == sizes["iq4_xs"] < sizes["q8_0"]
    told = (program.parent / "told").read_text()
    assert told.split()[-2:] == ["IQ4_XS", "1"] and "imatrix" not in told


def test_its_last_words_are_the_reason_when_it_fails(program, tmp_path):
    imatrix = tmp_path / "imatrix.gguf"
    imatrix.touch()
    with pytest.raises(TarotError, match="iq3_m: main: error: something is wrong here"):
        llama_quantize.quantise(
            program, tmp_path / "source", tmp_path / "target", "iq3_m",
            imatrix=imatrix, threads=1, progress=lambda done, total: None,
        )  # fmt: skip
    assert f"--imatrix {imatrix}" in (program.parent / "told").read_text()


def test_an_importance_matrix_weighs_whatever_can_be_weighed():
    names = ["bf16", "q8_0", "q4_k_m", "iq4_xs"]
    assert llama_quantize.foreign(names, imatrix=False) == ["iq4_xs"]
    assert llama_quantize.foreign(names, imatrix=True) == ["q4_k_m", "iq4_xs"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--quant", "iq4_xs"], 3, "llama.cpp's llama-quantize, which is not here"),
        (["--quant", "iq2_xxs"], 2, "only good with an importance matrix"),
        (["--quant", "q4_k_m", "--imatrix", "nowhere.gguf"], 2, "nowhere.gguf does not exist"),
    ],
)
@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_what_is_missing_is_said_before_anything_starts(
    project, tarot, monkeypatch, base, words, code, says, dry
):
    monkeypatch.setattr(llama_quantize, "find", lambda: None)
    found, _out, err = tarot("export", "--base", base, *words, *dry)
    assert found == code and says in err and len(err.splitlines()) == 1
    assert not list(project.jobs.iterdir())


def test_the_program_is_found_where_llama_cpp_and_ollama_keep_it(tmp_path, monkeypatch):
    def put(place: str) -> Path:
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o755)
        return path

    monkeypatch.setenv("PATH", str(tmp_path / "usr/bin"))
    monkeypatch.delenv("LLAMA_CPP_DIR", raising=False)
    before = llama_quantize.find()
    put("usr/bin/ollama")
    beside_ollama = put("usr/lib/ollama/llama-quantize")
    assert llama_quantize.find() == beside_ollama != before
    on_path = put("usr/bin/llama-quantize")
    assert llama_quantize.find() == on_path
    built = put("llama.cpp/build/bin/llama-quantize")
    monkeypatch.setenv("LLAMA_CPP_DIR", str(tmp_path / "llama.cpp"))
    assert llama_quantize.find() == built
