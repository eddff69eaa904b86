"""A recipe and its data as one Jupyter notebook, for the GPUs of Colab and Kaggle.

The format is nbformat 4.5 (nbformat.readthedocs.io, "The Notebook file format"), written as the JSON it is.
"""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tarot_tui import __version__, wheels
from tarot_tui.errors import BadInput, Refused
from tarot_tui.locale import _
from tarot_tui.notebook.cells import CELLS, TITLE
from tarot_tui.project import FILE, Project, write_text
from tarot_tui.text import size

#: Beyond this a notebook opens slowly, and Colab refuses it.
LIMIT = 20 << 20


def write(project: Project, recipe: Path, to: Path, *, quant: str = "", replace: bool = False) -> int:
    """Write the notebook for ``recipe`` to ``to``; how many bytes it has.

    Raises BadInput for a recipe whose base is a folder on this machine or whose data is not in the project, Refused for
    a file that exists (unless ``replace``) and for data too large to travel in a notebook.
    """
    from tarot_tui.training.recipe import load

    if to.exists() and not replace:
        raise Refused(_("{file} exists: pass --replace to write it anew.").format(file=to))
    found = load(project, recipe)
    if Path(found.model_name_or_path).exists():
        raise BadInput(
            _(
                "{file}, key model_name_or_path: {base} is a folder on this machine, which a notebook cannot reach; "
                "name the model as on the Hugging Face hub."
            ).format(file=project.relative(recipe), base=found.model_name_or_path)
        )
    datasets = list(dict.fromkeys([*found.dataset, *found.eval_dataset]))
    data = _archive(project, recipe, datasets)
    if len(data) > LIMIT:
        raise Refused(
            _(
                "The data is {size}, too much for a notebook: put the project on the drive yourself, and run "
                "'tarot-tui train' there."
            ).format(size=size(len(data)))
        )
    name, wheel = _wheel()
    model = re.sub(r"[^A-Za-z0-9_.-]+", "-", recipe.stem).strip("-.") or "model"
    values = {
        "PROJECT": project.root.resolve().name,
        "VERSION": __version__,
        "WHEEL": wheel,
        "WHEEL_NAME": name,
        "DATA": base64.b64encode(data).decode(),
        "RECIPE": recipe.stem,
        "MODEL": model,
        "QUANT": f', "--quant", "{quant}"' if quant else "",
        "QUESTION": _question(project, datasets),
    }
    title = _(TITLE).format(name=values["PROJECT"], recipe=recipe.stem)
    write_text(to, json.dumps(_notebook(title, values), ensure_ascii=False, indent=1) + "\n")
    return to.stat().st_size


def _archive(project: Project, recipe: Path, datasets: list[str]) -> bytes:
    """tarot.yaml, the recipe, and what its datasets need: their files, their entries, and what was edited."""
    from tarot_tui.data import overlay, registry
    from tarot_tui.data.dataset import usable

    buffer = io.BytesIO()
    entries = registry.read(project)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr(FILE, (project.root / FILE).read_bytes())
        archive.writestr(f"recipes/{recipe.name}", recipe.read_bytes())
        for name in datasets:
            file = usable(project, name).file
            assert file is not None  # usable() saw to it
            for part in (file, overlay.path_of(project, name)):
                if part.is_file():
                    archive.writestr(f"data/{part.relative_to(project.data).as_posix()}", part.read_bytes())
        wanted = {name: entries[name] for name in datasets}
        archive.writestr(f"data/{registry.FILE}", json.dumps(wanted, ensure_ascii=True, indent=2))
    return buffer.getvalue()


def _wheel() -> tuple[str, str]:
    """Our own wheel, by name and in base64; empty when the index has this version."""
    with TemporaryDirectory() as folder:
        made = wheels.of_ourselves(Path(folder))
        return (made.name, base64.b64encode(made.read_bytes()).decode()) if made else ("", "")


def _question(project: Project, datasets: list[str]) -> str:
    """The first question of the data: the model should know its answer."""
    from tarot_tui.data.dataset import head, to_messages

    for sample in head(project, datasets[0], 1) if datasets else []:
        messages = to_messages(sample)
        return next(one["content"] for one in messages if one["role"] == "user")
    return "Hello"


def _notebook(title: str, values: dict[str, str]) -> dict[str, Any]:
    cells = [_markdown("title", title)]
    for number, (text, code) in enumerate(CELLS, 1):
        cells.append(_markdown(f"text-{number}", _filled(_(text), values)))
        cells.append(_code(f"code-{number}", _filled(code, values)))
    return {
        "cells": cells,
        "metadata": {
            "accelerator": "GPU",
            "colab": {"provenance": []},
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _filled(text: str, values: dict[str, str]) -> str:
    """``text`` with every ``@NAME@`` in place, written so that it stays inside the quotes it stands in."""
    return re.sub(r"@([A-Z_]+)@", lambda match: _quoted(match[1], values[match[1]]), text)


def _quoted(name: str, value: str) -> str:
    # QUANT is code of ours; all others come from file names and data, and stand between double quotes.
    return value if name == "QUANT" else json.dumps(value, ensure_ascii=False)[1:-1]


def _markdown(id: str, text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": id, "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(id: str, text: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": id,
        "metadata": {},
        "outputs": [],
        "source": text.splitlines(keepends=True),
    }
