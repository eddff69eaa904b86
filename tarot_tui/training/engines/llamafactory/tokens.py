"""The samples of a run as tokens, in the job's folder, for a trainer in another Python to learn from.

It learns the very tokens that the plan counted, with the same ones labelled; no template but the model's own, no cut but
the one that was planned. Kept for the attempts after, so that a run goes on with what it began with.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tarot_tui.jobs import files
from tarot_tui.project import Project
from tarot_tui.training import child
from tarot_tui.training.encode import IGNORED, Sample
from tarot_tui.training.engines.llamafactory.arguments import TOKENS
from tarot_tui.training.engines.llamafactory.environments import ask
from tarot_tui.training.packing import items
from tarot_tui.training.packing import tokens as tokens_of
from tarot_tui.training.recipe import Recipe

#: Beside the tokens: what they were made of, and whether there are any to measure on.
_FACTS = "tokens.json"
#: The keys of a recipe that decide on its tokens.
_MATTER = (
    "dataset", "eval_dataset", "val_size", "max_samples", "mix_strategy", "interleave_probs", "cutoff_len", "seed",
    "packing", "neat_packing",
)  # fmt: skip
#: A large dataset takes minutes to be written anew.
_SECONDS = 3600


def provide(folder: Path, project: Project, recipe: Recipe, request: dict[str, Any], python: Path) -> bool:
    """See that the tokens of ``recipe`` lie in the job's ``folder``; whether there are some to measure on.

    Raises Refused when a dataset is no longer what was planned, and what :func:`.samples.prepare` raises.
    """
    key = _key(recipe, request)
    facts = files.read_json(folder / _FACTS)
    if facts.get("key") == key and (folder / TOKENS).is_dir():
        return bool(facts.get("measure"))
    from tarot_tui.training.samples import prepare
    from tarot_tui.training.unchanged import refuse_other_samples

    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # it would say that there is no torch
    child.hide_torch()
    samples = prepare(project, recipe, Path(request["base"]))
    refuse_other_samples(samples.sha256, request)
    raw, part = folder / f".{TOKENS}.raw", folder / f".{TOKENS}.part"
    for place in (raw, part, folder / TOKENS):
        shutil.rmtree(place, ignore_errors=True)
    raw.mkdir()
    _write(raw, "train", items(recipe, samples.train))
    if samples.evaluation:
        _write(raw, "validation", samples.evaluation)
    ask(python, "tokens.py", _SECONDS, str(raw.absolute()), str(part.absolute()))
    os.replace(part, folder / TOKENS)
    shutil.rmtree(raw)
    measure = bool(samples.evaluation)
    files.write_json(folder / _FACTS, {"key": key, "measure": measure}, durable=True)
    return measure


def _write(folder: Path, split: str, rows: Sequence[Sample | tuple[Sample, ...]]) -> None:
    """``masks`` numbers the samples of a row from 1, so that each sees only itself."""
    with (
        open(folder / f"{split}.ids", "wb") as ids,
        open(folder / f"{split}.labels", "wb") as labels,
        open(folder / f"{split}.masks", "wb") as masks,
        open(folder / f"{split}.lengths", "wb") as lengths,
    ):
        for row in rows:
            for number, sample in enumerate((row,) if isinstance(row, Sample) else row, 1):
                array("i", sample.input_ids).tofile(ids)
                # What comes first in a text is predicted by nothing; in a row it would be by the sample before.
                array("i", [IGNORED, *sample.labels[1:]]).tofile(labels)
                array("i", [number] * len(sample.input_ids)).tofile(masks)
            array("i", [tokens_of(row)]).tofile(lengths)


def _key(recipe: Recipe, request: dict[str, Any]) -> str:
    matter = {name: getattr(recipe, name) for name in _MATTER}
    made_of = [matter, request["dataset_sha256"], request["base_fingerprint"]]
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
