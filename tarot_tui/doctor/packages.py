"""The Python packages that the work needs, against the versions that our own metadata asks for."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tarot_tui.doctor.fixes import pip_install
from tarot_tui.findings import Finding, Severity
from tarot_tui.locale import N_, _

DISTRIBUTION = "tarot-tui"
#: extra → what it is for, its packages, and how bad it is to lack one. torch and bitsandbytes are proven elsewhere.
_GROUPS: tuple[tuple[str, str, tuple[str, ...], Severity], ...] = (
    ("train", N_("Training"), ("transformers", "peft", "accelerate", "safetensors"), "error"),
    ("export", N_("Export to GGUF"), ("libgguf", "gotpl", "gguf"), "warning"),
    ("chat", N_("Chat without Ollama"), ("xllamacpp",), "warning"),
)


def check() -> Iterator[Finding]:
    """One finding for each group of packages."""
    for extra, purpose, names, severity in _GROUPS:
        yield group(extra, _(purpose), names, severity)
    yield from conflicts([name for _extra, _purpose, names, _severity in _GROUPS for name in names])


def group(extra: str, purpose: str, names: tuple[str, ...], severity: Severity) -> Finding:
    """Whether the packages ``names`` are there, in versions that the extra ``extra`` of ours accepts."""
    found = {name: version(name) for name in names}
    have = ", ".join(f"{name} {number}" for name, number in found.items() if number)
    missing = [name for name, number in found.items() if not number]
    if missing:
        return Finding(
            f"packages.{extra}.missing",
            severity,
            _("{purpose} needs packages that are not installed: {names}.").format(
                purpose=purpose, names=", ".join(missing)
            ),
            evidence=have,
            fix=pip_install(f"{DISTRIBUTION}[{extra}]"),
        )
    wanted = wanted_versions()
    wrong = [name for name, number in found.items() if number not in wanted.get(name, SpecifierSet())]
    if wrong:
        return Finding(
            f"packages.{extra}.version",
            severity,
            _("{purpose} needs other versions: {wanted}.").format(
                purpose=purpose, wanted=", ".join(f"{name} {wanted[name]}" for name in wrong)
            ),
            evidence=have,
            fix=pip_install("--upgrade", *(f"{name}{wanted[name]}" for name in wrong)),
        )
    return Finding(
        f"packages.{extra}",
        "ok",
        _("{purpose} has its packages: {names}.").format(purpose=purpose, names=have),
        evidence=have,
    )


def conflicts(names: list[str]) -> Iterator[Finding]:
    """What the installed packages ``names`` ask of others and do not get; one finding, naming the first few."""
    broken = [
        (name, need, found)
        for name in ("torch", *names)
        for need in _needs(name)
        if (found := version(need.name)) and not need.specifier.contains(found, prereleases=True)
    ]
    if broken:
        said = "; ".join(
            f"{name} needs {need.name}{need.specifier}, here is {found}" for name, need, found in broken
        )
        yield Finding(
            "packages.conflict",
            "warning",
            _("Packages that do not fit together: {name} needs {wanted}, and {found} is installed.").format(
                name=broken[0][0], wanted=f"{broken[0][1].name}{broken[0][1].specifier}", found=broken[0][2]
            ),
            said,
            fix=pip_install("--upgrade", *(f"{need.name}{need.specifier}" for _name, need, _found in broken)),
        )


def _needs(name: str) -> list[Requirement]:
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []
    needs = [Requirement(line) for line in lines]
    # Without an extra: what belongs to one is needed only by who asked for it.
    return [need for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]


def version(name: str) -> str:
    """The installed version of a distribution; empty when it is not installed."""
    try:
        return metadata.version(name) or ""
    except metadata.PackageNotFoundError:
        return ""


def wanted_versions() -> dict[str, SpecifierSet]:
    """distribution → the versions that we accept; empty when we run without being installed."""
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return {}
    wanted = {need.name: need.specifier for need in map(Requirement, lines)}
    # Pre-releases count: who installed a nightly torch knows why.
    for specifier in wanted.values():
        specifier.prereleases = True
    return wanted
