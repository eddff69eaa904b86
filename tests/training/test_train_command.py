"""``tarot-tui train``: what it prints, what it refuses, with which exit code."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys

import pytest

from tarot_tui.cli import main
from tarot_tui.training import recipe


@pytest.fixture
def run(cards, capsys, tiny_recipe):
    """Runs one command line in the project; returns exit code, stdout, stderr."""
    (cards.recipes / "tiny.yaml").write_text(recipe.dump(tiny_recipe()))

    def command(*words: str):
        code = main(["train", "--project", str(cards.root), "--lang", "en", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return command


def test_a_dry_run_prints_the_plan_within_80_columns_and_starts_nothing(run, cards):
    code, out, _err = run("--dry-run")
    plan = out.split("WARN")[0]
    assert code == 0
    assert "9 (3 an epoch), 1 of them warm-up" in plan and "memory" in plan
    assert max(map(len, plan.splitlines())) <= 80
    assert not list(cards.jobs.iterdir())


def test_a_plan_in_json_is_one_document(run):
    code, out, _err = run("tiny", "--dry-run", "--json")
    plan = json.loads(out)
    assert code == 0
    assert plan["samples"] == 9 and plan["steps"] == 9
    parts = ("weights", "trainable", "gradients", "optimizer", "activations", "logits", "context")
    assert sum(plan["memory"][part] for part in parts) == plan["memory"]["estimated"]
    assert plan["memory"]["low"] < plan["memory_bytes"] < plan["memory"]["high"]
    assert plan["tokens_seen"] == 3 * plan["tokens"] and plan["evaluations"] == []


def test_cut_answers_are_refused_with_the_length_that_fits(run, cards):
    code, out, err = run("--set", "cutoff_len=40")
    assert code == 3
    assert "9 of 9 answers lose their end at cutoff_len: 40" in out
    assert f"fix: tarot-tui train tiny --set cutoff_len=40 --project {cards.root} --set cutoff_len=64" in out
    assert "Not started" in err
    assert not list(cards.jobs.iterdir())
    code, out, _err = run("--set", "cutoff_len=40", "--set", "allow_truncation=true", "--dry-run")
    assert code == 0 and "WARN  9 of 9 answers" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere"], "No recipe 'nowhere'"),
        (["--set", "learning_rte=1"], "did you mean 'learning_rate'"),
        (["--set", "dataset=cads"], "cads"),
        (["--set", "model_name_or_path=./nowhere"], "no such folder"),
        (["--name", "../up"], "cannot name a"),
        (["--dry-run", "--num-processes", "3"], "cannot be divided among 3 processes"),
        (["--dry-run", "--main-process-ip", "node1"], "give --num-machines too"),
        (["--dry-run", "--after", "nobody"], "no runs"),
        (["--dry-run", "--slurm", "--sbatch", "a b=c"], "cannot hold this"),
    ],
)
def test_a_wrong_request_is_one_sentence_and_exit_code_2(run, cards, words, says):
    code, _out, err = run(*words)
    assert code == 2
    assert says in err and len(err.splitlines()) == 1
    assert not list(cards.jobs.iterdir())


def test_everything_that_the_recipe_can_mend_is_one_command(run, cards, capsys):
    _code, out, _err = run("tiny", "--dry-run", "--set", "cutoff_len=40", "--set", "learning_rate=0.5")
    command = next(line for line in out.splitlines() if line.startswith("All of these at once: "))
    words = shlex.split(command.partition(": ")[2])
    assert {"cutoff_len=64", "learning_rate=2e-4"} <= set(words) and words[0] == "tarot-tui"
    assert main(words[1:]) == 0
    assert "FAIL" not in capsys.readouterr().out


def test_a_check_of_a_recipe_finds_what_the_plan_finds_and_starts_nothing(cards, run, capsys):
    at = ["recipe", "check", "tiny", "--project", str(cards.root)]
    assert main(at) == 0
    assert "is a valid recipe" in capsys.readouterr().out
    assert main([*at, "--set", "cutoff_len=40", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["valid"] and found["refused"]
    planned = json.loads(run("tiny", "--dry-run", "--json", "--set", "cutoff_len=40")[1])
    assert found["findings"] == planned["findings"]
    # A base that is not here makes no recipe wrong.
    assert main([*at, "--set", "model_name_or_path=who/knows"]) == 0
    assert "models get who/knows" in capsys.readouterr().out


def test_every_key_is_listed_with_its_default(run):
    code, out, _err = run("--keys")
    assert code == 0
    assert all(name in out for name in recipe.Recipe.model_fields)
    assert "learning_rate: 0.0002" in out


def test_neither_torch_nor_transformers_is_loaded_into_the_command(run, cards):
    program = (
        "import sys; from tarot_tui.cli import main\n"
        f"code = main(['train', '-q', '--dry-run', '--project', {str(cards.root)!r}])\n"
        "print(code, sorted({'torch', 'transformers', 'peft', 'tokenizers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_a_base_that_cannot_become_a_gguf_is_said_before_it_is_trained(run, tiny_llama, tmp_path):
    strange = tmp_path / "strange"
    shutil.copytree(tiny_llama, strange)
    tokenizer = json.loads((strange / "tokenizer.json").read_text())
    cut = {"type": "Split", "pattern": {"Regex": "[aeiou]"}, "behavior": "Isolated", "invert": False}
    (strange / "tokenizer.json").write_text(json.dumps(tokenizer | {"pre_tokenizer": cut}))
    code, out, _err = run("--set", f"model_name_or_path={strange}", "--dry-run", "--json")
    (said,) = (found for found in json.loads(out)["findings"] if found["id"] == "export.unsupported")
    assert code == 0 and said["severity"] == "warning" and "'--merge' still makes" in said["text"]
    code, out, _err = run("--dry-run", "--json")
    assert not [found for found in json.loads(out)["findings"] if found["id"].startswith("export.")]
