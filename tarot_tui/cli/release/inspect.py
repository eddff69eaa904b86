"""``tarot-tui release inspect FILE.gguf | NAME``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tarot_tui.cli.output import emit, findings, project_of, table
from tarot_tui.locale import _
from tarot_tui.text import one_line, plain, size

if TYPE_CHECKING:
    from tarot_tui.export.inspect import Contents

#: What is long and says little on one line.
_HIDDEN = ("tokenizer.chat_template",)
_TEMPLATE_LINES = 12


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("file", metavar="FILE", help=_("a .gguf file, or a model of this project"))


def run(args: Namespace) -> int:
    """Explain each file. Returns 1 when one of them cannot work.

    ``--json``: one list of file, bytes, version, parameters, metadata, types (type, tensors, bytes), findings.
    """
    from tarot_tui.export.inspect import inspect

    found = [inspect(path) for path in _files(args)]
    if args.json:
        emit([_facts(one) for one in found])
    else:
        for one in found:
            print(plain("\n".join(_lines(one))))
    return int(any(finding.severity == "error" for one in found for finding in one.findings))


def _files(args: Namespace) -> list[Path]:
    path = Path(args.file).expanduser()
    if path.is_file() or path.suffix == ".gguf":
        return [path]
    from tarot_tui.export.release import read_release

    return list(read_release(project_of(args), args.file).ggufs.values())


def _facts(found: Contents) -> dict[str, Any]:
    return {
        "file": str(found.path),
        "bytes": found.bytes,
        "version": found.version,
        "parameters": found.parameters,
        "metadata": found.metadata,
        "types": [dict(zip(("type", "tensors", "bytes"), one, strict=True)) for one in found.types()],
        "findings": [finding.as_dict() for finding in found.findings],
    }


def _lines(found: Contents) -> list[str]:
    architecture = found.metadata.get("general.architecture", "?")
    lines = [
        f"{found.path}",
        _(
            "{architecture}, {parameters:,} weights in {tensors} tensors, {size}; reads up to {context} tokens"
        ).format(
            architecture=one_line(str(architecture), 40),
            parameters=found.parameters,
            tensors=len(found.tensors),
            size=size(found.bytes),
            context=found.value("context_length", "?"),
        ),
        "",
        *table(
            [(kind, str(count), size(bytes_)) for kind, count, bytes_ in found.types()],
            (_("type"), _("tensors"), _("size")),
        ),
        "",
    ]
    for key, value in found.metadata.items():
        if key not in _HIDDEN:
            lines.append(f"{one_line(key, 60)} = {one_line(str(value), 100)}")
    template = found.metadata.get("tokenizer.chat_template")
    if isinstance(template, str) and template:
        shown = template.splitlines()
        lines += ["", _("chat template:"), *("  " + line for line in shown[:_TEMPLATE_LINES])]
        if len(shown) > _TEMPLATE_LINES:
            lines.append("  " + _("… {count} more lines").format(count=len(shown) - _TEMPLATE_LINES))
    return [*lines, "", *(findings(found.findings) or [_("Nothing is wrong with it.")])]
