"""What we write, read by LLaMA-Factory itself: ``TAROT_LLAMAFACTORY_PYTHON=…/bin/python pytest -m external tests/training``."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
import yaml

from tarot_tui.training import recipe as recipes
from tarot_tui.training.llamafactory_yaml import as_yaml, translate
from tarot_tui.training.presets import presets

pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif(
        "TAROT_LLAMAFACTORY_PYTHON" not in os.environ, reason="TAROT_LLAMAFACTORY_PYTHON names no Python"
    ),
]

READ = """
import json, sys
from omegaconf import OmegaConf
from llamafactory.hparams.parser import get_train_args
args = OmegaConf.to_container(OmegaConf.load(sys.argv[1]))
model, data, training, finetuning, _ = get_train_args(args)
found = {}
for name in args:
    holder = next(one for one in (model, data, finetuning, training) if hasattr(one, name))
    found[name] = getattr(holder, name)
found["compute"] = str(model.compute_dtype)
print(json.dumps(found, default=lambda value: getattr(value, "value", str(value))))
"""

RENDER = """
import json, sys
from transformers import AutoTokenizer
from llamafactory.data.template import parse_template
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
template = parse_template(tokenizer)
template.fix_special_tokens(tokenizer)
said = [{"role": "user", "content": "愚者?"}, {"role": "assistant", "content": "新的開始。"}]
pairs = []
for system in ("You read tarot.", ""):
    before = [{"role": "system", "content": system}] if system else []
    own = tokenizer.apply_chat_template(before + said, tokenize=False)
    pairs.append(["".join(map(tokenizer.decode, template.encode_oneturn(tokenizer, said, system or None))), own])
print(json.dumps(pairs))
"""


def asked(code: str, path) -> dict | list:
    done = subprocess.run(
        [os.environ["TAROT_LLAMAFACTORY_PYTHON"], "-c", code, str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "DISABLE_VERSION_CHECK": "1"},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("one", presets(), ids=lambda one: one.name)
def test_every_preset_is_read_as_it_is_meant(project, tmp_path, one):
    made = recipes.validate(yaml.safe_load(one.text))
    translated = translate(project, made, "fp32", tmp_path / "saves")
    translated.args["plot_loss"] = False  # its plots want matplotlib, which is beside the point
    path = tmp_path / "train.yaml"
    path.write_text(as_yaml(translated), "utf-8")
    found = asked(READ, path)
    for name, value in translated.args.items():
        if name in ("dataset", "eval_dataset", "lora_target"):
            value = value.split(",")
        # The two that transformers rewrites itself.
        value = {"report_to": [], "include_num_input_tokens_seen": "all"}.get(name, value)
        assert found[name] == value, name
    assert found["compute"] == "None"


def test_without_a_template_it_trains_on_the_models_own(smollm2):
    for theirs, own in asked(RENDER, smollm2):
        assert theirs == own
