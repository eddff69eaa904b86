"""The command behind each step, as the words after ``tarot-tui``. Screens run these and show these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tarot_tui.tui.likely_model import Likely


def doctor() -> list[str]:
    """Prove the environment."""
    return ["doctor"]


def data_build(sources: Sequence[str], name: str, template: str = "") -> list[str]:
    """Build a dataset from source files or folders; ``template`` is a path, or empty for one sample per cell."""
    return [
        "data",
        "build",
        *_positional(sources),
        "-o",
        name,
        *(["--template", template] if template else []),
    ]


def data_show(name: str, number: int, likely: Likely | None = None) -> list[str]:
    """Show a sample of a dataset; for a likely model, as that one will see it."""
    return [
        "data",
        "show",
        name,
        str(number),
        *(["--as-trained", *_for(likely)] if likely else []),
    ]


def data_check(name: str, likely: Likely | None = None, fix: Sequence[str] = ()) -> list[str]:
    """Check a dataset, for a model if one is likely; ``fix`` names the kinds of findings to be fixed."""
    measured = likely.held_out.get(name) if likely else None
    held_out = ["--eval", measured] if measured else []
    return [
        "data",
        "check",
        name,
        *_for(likely),
        *held_out,
        *(["--fix", *fix] if fix else []),
    ]


def _for(likely: Likely | None) -> list[str]:
    return (
        ["--model", likely.model, "--cutoff-len", str(likely.cutoff_len)] if likely and likely.model else []
    )


def train(
    recipe: str,
    changes: Mapping[str, str] | None = None,
    *,
    dry_run: bool = False,
    engine: str = "",
    where: Sequence[str] = (),
) -> list[str]:
    """Train a recipe, or only plan it; ``changes`` are settings that differ from the file. Without a recipe they are all.

    engine: empty for our own. where: the options that name GPUs or a number of processes (:mod:`.spread`).
    """
    return [
        "train",
        *([recipe] if recipe else []),
        *_sets(changes or {}),
        *(["--engine", engine] if engine else []),
        *where,
        *(["--dry-run"] if dry_run else []),
    ]


def recipe_new(name: str, preset: str, changes: Mapping[str, str]) -> list[str]:
    """Write a new recipe from a preset, or from the defaults where there is none, with ``changes``."""
    return ["recipe", "new", *(["--preset", preset] if preset else []), "-o", name, *_sets(changes)]


def _sets(changes: Mapping[str, str]) -> list[str]:
    return [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]


def export(run: str, quants: Sequence[str], name: str, *, replace: bool = False) -> list[str]:
    """Make a release of a run."""
    return ["export", run, "--quant", ",".join(quants), "-o", name, *(["--replace"] if replace else [])]


def ollama_import(release: str, *, name: str = "", host: str = "", replace: bool = False) -> list[str]:
    """Import a release into Ollama, under its own name unless ``name`` is given."""
    options = [*(["--as", name] if name else []), *(["--host", host] if host else [])]
    return ["ollama", "import", release, *options, *(["--replace"] if replace else [])]


def chat(release: str, other: str = "", *, blind: bool = False) -> list[str]:
    """Talk to a release, or to it and another one."""
    return [
        "chat",
        release,
        *(["--compare", other] if other else []),
        *(["--blind"] if other and blind else []),
    ]


def _positional(words: Sequence[str]) -> list[str]:
    # argparse would take a name that begins with a dash for an option.
    return [f"./{word}" if word.startswith("-") else word for word in words]
