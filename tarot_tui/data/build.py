"""Documents → samples → a registered dataset."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tarot_tui.data import overlay, registry, samples
from tarot_tui.data.sources import Header, Note, Row, Table, collect, file_name, headers, tables
from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.project import Project, replacing, safe_name
from tarot_tui.text import one_line

if TYPE_CHECKING:
    from tarot_tui.data.template import Template

Sample = dict[str, str]

# The old batch script's question. Not translated: it is data, and a dataset must not depend on who builds it.
INSTRUCTION = "在文件'{file}'的'{section}'中，第{number}項的內容是什麼？"

_SKIPPED_SHOWN = 20


@dataclass
class FileReport:
    """What became of one source: rows that hold anything, samples made, and pattern × row left out as empty.

    problem: the sentence that says why it could not be read, or not to its end; empty when it was.
    """

    path: str
    rows: int = 0
    samples: int = 0
    left_out: int = 0
    sha256: str = ""
    problem: str = ""


@dataclass
class BuildReport:
    """What a build made.

    path: the data file. samples: how many in all. files: one report per source, in the order read.
    findings: what was passed over, never errors.
    """

    name: str
    path: Path
    samples: int = 0
    files: list[FileReport] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready: name, path, samples, files (path, rows, samples, left_out, sha256), findings."""
        return asdict(self) | {"path": str(self.path)}


def record_path(project: Project, name: str) -> Path:
    """Where a build notes what it was made of: ``data/<name>.build.json``."""
    return project.data / f"{name}.build.json"


def read_record(project: Project, name: str) -> dict[str, Any]:
    """The note of the build of ``name``, empty when there is none that can be read.

    Keys: ``name``, ``built`` (ISO 8601, UTC), ``samples``, ``template`` (null, or ``path`` and ``sha256``) and
    ``sources`` (``path``, ``rows``, ``samples``, ``left_out``, ``sha256``). Paths are relative to the project
    when inside it.
    """
    try:
        found = json.loads(record_path(project, name).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def build(
    project: Project,
    sources: Sequence[Path],
    name: str,
    template: Path | None = None,
    *,
    replace: bool = False,
    on_file: Callable[[FileReport], None] | None = None,
) -> BuildReport:
    """Make the dataset ``name`` of the files and folders ``sources`` and register it.

    Without ``template``: one sample per cell, paragraph or line that holds anything, as the old batch script made
    them. With it: one sample per row and pattern. A dataset that an earlier build made is replaced; another one of
    that name only with ``replace``. ``on_file`` hears of each file when it has been read.

    Everything appears at once at the end or not at all. A file in a folder that cannot be read is an error among the
    findings, and what can be read of the others is built. Raises BadInput for anything wrong with the name, the
    files named, the template, or when no sample comes out.
    """
    check_name(project, name, replace=replace)
    skipped: list[Path] = []
    copies: list[tuple[Path, Path]] = []
    files = collect(sources, skipped.append, lambda copy, original: copies.append((copy, original)))
    report = BuildReport(name, project.data / f"{name}.json")
    rules = None
    if template is not None:
        from tarot_tui.data import template as templates

        rules = templates.load(template)
        report.findings += templates.check(rules, template, _headers(files, sources))
    report.findings += _skipped(skipped) + [_copy(*pair) for pair in copies]
    try:
        _write(project, report, _texts(project, files, sources, rules, report, on_file), rules, template)
    except PermissionError as error:
        raise BadInput(
            _("{path} cannot be written by you; choose another folder.").format(
                path=error.filename or project.data
            )
        ) from None
    report.findings += _quiet(report) + overlay.findings(overlay.settle(project, name, report.path))
    return report


def check_name(project: Project, name: str, *, replace: bool = False) -> None:
    """Raise BadInput unless a build may write the dataset ``name``.

    Letters of any script may name one: the registry is escaped to ASCII, and a comma, at which LLaMA-Factory splits
    names, is none.
    """
    safe_name(name, _("dataset"))
    if f"{name}.json" == registry.FILE or name.endswith((".build", ".edits")):
        raise BadInput(_("'{name}' is a name that tarot-tui needs itself; choose another.").format(name=name))
    entry = registry.read(project).get(name)
    target = project.data / f"{name}.json"
    if target.is_dir():
        raise BadInput(_("{file} is in the way: it is a folder; choose another name.").format(file=target))
    if replace:
        return
    ours = bool(read_record(project, name))
    if entry is not None and not (ours and _is_plain(entry, name)):
        raise BadInput(
            _(
                "There is a dataset '{name}' that was not built here; choose another name, or add --replace."
            ).format(name=name)
        )
    if entry is None and not ours and target.exists():
        raise BadInput(
            _("{file} exists and was not built here; choose another name, or add --replace.").format(
                file=target
            )
        )


def _is_plain(entry: Any, name: str) -> bool:
    return (
        isinstance(entry, dict)
        and set(entry) <= {"file_name", "formatting", "columns"}
        and (entry.get("file_name") == f"{name}.json")
    )


def _write(
    project: Project,
    report: BuildReport,
    made: Iterator[list[str]],
    rules: Template | None,
    template: Path | None,
) -> None:
    project.data.mkdir(exist_ok=True)
    with replacing(report.path) as temporary:
        report.samples = samples.write_texts(temporary, made)
        if not report.samples:
            raise BadInput(_nothing(report, template))
        # The data file appears last: whatever fails before leaves the old dataset, or none.
        registered = registry.alpaca(report.path.name, system=bool(rules and rules.has_system))
        record = json.dumps(_record(project, report, template), ensure_ascii=False, indent=2) + "\n"
        with replacing(record_path(project, report.name)) as noted:
            noted.write_text(record, "utf-8")
            registry.register(project, report.name, registered)


def _headers(files: Sequence[Path], named: Sequence[Path]) -> list[Header]:
    """The headers of all files that can be read; of the others is said when it comes to their rows."""
    found = []
    for path in files:
        try:
            found += headers(path)
        except BadInput:
            if path in named:
                raise
    return found


def _texts(
    project: Project,
    files: Sequence[Path],
    named: Sequence[Path],
    rules: Template | None,
    report: BuildReport,
    on_file: Callable[[FileReport], None] | None,
) -> Iterator[list[str]]:
    for path in files:
        found = FileReport(_storable(project.relative(path)))
        report.files.append(found)
        try:
            found.sha256 = _sha256(path)
            yield from _file_texts(path, rules, found, report.findings.append)
        except BadInput as error:
            if path in named:
                raise
            found.problem = str(error)
            report.findings.append(_unreadable(found))
        if on_file:
            on_file(found)


def _storable(path: str) -> str:
    """The path as UTF-8 can hold it: bytes of a name that are none become U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")


def _file_texts(path: Path, rules: Template | None, found: FileReport, note: Note) -> Iterator[list[str]]:
    """The samples of each row, as ``samples.as_text`` makes them."""
    from tarot_tui.data import filling

    for table in tables(path, note=note):
        if rules is None:
            yield from _cell_texts(table, found)
            continue
        patterns = rules.fitting(table)
        if not patterns:
            continue
        fill = filling.ready(patterns, table.columns, with_system=rules.has_system)
        for values in table.values:
            made = fill(values)
            found.rows += any(values)
            found.samples += len(made)
            found.left_out += len(patterns) - len(made)
            yield made


def cell_samples(header: Header, row: Row) -> list[Sample]:
    """One sample per cell that holds anything, as the old batch script made them."""
    return [
        _cell_sample(header, column, row.number, text)
        for column, text in row.cells.items()
        if text and column not in header.context
    ]


def _cell_sample(header: Header, column: str, number: int | str, text: str) -> Sample:
    place = {"file": file_name(header.source), "section": header.place(column), "number": number}
    return {"instruction": INSTRUCTION.format(**place), "input": "", "output": text}


def _cell_texts(table: Table, found: FileReport) -> Iterator[list[str]]:
    """Every row's :func:`cell_samples` as texts, of which all is made once but the row's number and the cell."""
    quoted = samples.quoted
    # No name and no cell holds a NUL; the last two of a sample are those two.
    nul = quoted("\0")[1:-1]
    starts, between, after = [], "", ""
    for column in table.columns:
        text = samples.as_text(_cell_sample(table, column, "\0", "\0"))
        start, between, after = text.rsplit(nul, 2)
        # The quotes around the cell come with it.
        between, after = between[:-1], after[1:]
        starts.append(None if column in table.context else start)
    for number, values in enumerate(table.values, 1):
        middle = f"{number}{between}"
        made = [
            f"{start}{middle}{quoted(text)}{after}"
            for start, text in zip(starts, values, strict=True)
            if text and start
        ]
        found.rows += any(values)
        found.samples += len(made)
        yield made


def _sha256(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(
            _("{file} cannot be read: {reason}.").format(file=path, reason=error.strerror)
        ) from None


def _record(project: Project, report: BuildReport, template: Path | None) -> dict[str, Any]:
    used = {"path": project.relative(template), "sha256": _sha256(template)} if template else None
    return {
        "name": report.name,
        "built": datetime.now(UTC).isoformat(timespec="seconds"),
        "samples": report.samples,
        "template": used,
        "sources": [asdict(file) for file in report.files],
    }


def _skipped(paths: list[Path]) -> list[Finding]:
    if not paths:
        return []
    shown = ", ".join(one_line(path.name, 60) for path in paths[:_SKIPPED_SHOWN])
    text = _("Passed over {count} files of other kinds: {files}.").format(
        count=len(paths), files=shown + (", …" if len(paths) > _SKIPPED_SHOWN else "")
    )
    return [Finding("data.other_kinds", "info", text)]


def _copy(copy: Path, original: Path) -> Finding:
    text = _("{file} is the same file as {original} and was read once.")
    text = text.format(file=one_line(str(copy)), original=one_line(str(original)))
    return Finding("data.same_file", "info", text)


def _unreadable(file: FileReport) -> Finding:
    text = one_line(file.problem, 400)
    if file.samples:
        text += " " + _("The {count} samples before it are in the dataset.").format(count=file.samples)
    return Finding("data.unreadable", "error", text)


def _quiet(report: BuildReport) -> list[Finding]:
    """What was read and gave little."""
    left_out = sum(file.left_out for file in report.files)
    found = []
    if left_out:
        text = _("Left out {count} samples whose question or answer would have had an empty cell.")
        found.append(Finding("data.empty_cells", "info", text.format(count=left_out)))
    for file in report.files:
        if not file.samples and not file.problem:
            text = _("{file} gave no samples.").format(file=one_line(file.path))
            found.append(Finding("data.no_samples", "info", text))
    return found


def _nothing(report: BuildReport, template: Path | None) -> str:
    if problems := [file.problem for file in report.files if file.problem]:
        return "\n".join(problems)
    files = one_line(", ".join(file.path for file in report.files))
    if template is None:
        return _("There is no text in {files}, so no dataset was written.").format(files=files)
    return _("{template} makes no sample out of {files}, so no dataset was written.").format(
        template=template, files=files
    )
