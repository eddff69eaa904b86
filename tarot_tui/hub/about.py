"""What to know of a base model before it is trained: size, licence, access, and whether it can be served as trained.

Only its small files are fetched for that (settings, tokenizer, chat template), never its weights.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput, Refused, TarotError
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line

#: The files that tell, all small.
SMALL = ["*.json", "*.jinja", "*.model", "*.txt"]


@dataclass(frozen=True)
class About:
    """One base model.

    parameters and size (bytes of its weights): 0 where unknown. here: whether all of it is on this machine. gated: its
    terms have to be accepted first. architecture: transformers' class. context: tokens of the longest text, 0 if
    unknown. system: where its chat template puts a system prompt (``first``, ``last``), ``ignored``, ``unsupported``,
    or None without a usable template. findings: what stands in the way.
    """

    name: str
    parameters: int
    size: int
    license: str
    gated: bool
    here: bool
    architecture: str
    context: int
    system: str | None
    findings: list[Finding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready keys and values."""
        return vars(self) | {"findings": [finding.as_dict() for finding in self.findings]}


def about(name: str, root: Path | None = None) -> About:
    """The base model ``name``: a folder (relative to ``root``), a model in the cache, or one on the hub.

    Raises BadInput for what is none or may not be had, TarotError when the hub is needed and cannot be reached.
    """
    from tarot_tui.training import base

    if folder := _here(name, root):
        return _read(name, folder, whole=True)
    facts: dict[str, Any] = {}
    if not base.modelscope.wanted():
        facts = _asked(name)
    return _read(name, _small_files(name), whole=False, **facts)


def _here(name: str, root: Path | None) -> Path | None:
    from tarot_tui.training import base

    folder = (root or Path.cwd()) / Path(name).expanduser()
    if folder.is_dir():
        return base.check(folder.resolve())
    if not base.is_hub_name(name):
        raise BadInput(
            _(
                "{name}: no such folder, and not a name on the hub either (those look like owner/model)."
            ).format(name=one_line(name))
        )
    if found := base.in_cache(name):
        return found
    return base.locate(name, lambda _line: None) if name == base.EMBEDDED else None


def _asked(name: str) -> dict[str, Any]:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    from tarot_tui.hub.search import FIELDS, hit
    from tarot_tui.training import base

    base.need_hub()
    http_error = HfHubHTTPError.__bases__[0]
    api = HfApi()
    try:
        found = hit(api.model_info(name, expand=FIELDS))  # type: ignore[arg-type]
        api.auth_check(name)
    except GatedRepoError:
        raise BadInput(base.gated(name)) from None
    except RepositoryNotFoundError:
        raise BadInput(base.not_found(name)) from None
    except (http_error, OSError) as error:
        raise TarotError(
            _("The hub cannot be reached ({reason}): look at the connection and HF_ENDPOINT.").format(
                reason=type(error).__name__
            )
        ) from None
    return {
        "parameters": found.parameters,
        "size": found.size,
        "license": found.license,
        "gated": found.gated,
    }


def _small_files(name: str) -> Path:
    from tarot_tui.training import base

    if base.modelscope.wanted():
        return base.modelscope.fetch(name, SMALL)
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(name, allow_patterns=SMALL))


def _read(
    name: str,
    folder: Path,
    *,
    whole: bool,
    parameters: int = 0,
    size: int = 0,
    license: str = "",
    gated: bool = False,
) -> About:
    from tarot_tui.export.chat_template import CannotRender, json_object, load
    from tarot_tui.export.converter import supported
    from tarot_tui.export.describe import longest_text
    from tarot_tui.export.slots import system_mode
    from tarot_tui.training.base import weights

    findings: list[Finding] = []
    system = None
    try:
        system = system_mode(load(folder))
    except (Refused, CannotRender) as error:
        findings.append(Finding("model.no_template", "error", _sentence(error)))
    if system in ("ignored", "unsupported"):
        text = _(
            "This model's chat template has no place for a system prompt: put instructions into the questions."
        )
        findings.append(Finding("model.no_system", "warning", text))
    if doubt := supported(folder):
        findings.append(doubt)
    config = json_object(folder / "config.json")
    if whole:
        files = weights(folder)
        size, parameters = sum(path.stat().st_size for path in files), _numbers(files)
    return About(
        name=name,
        parameters=parameters,
        size=size,
        license=license or _license(folder),
        gated=gated,
        here=whole,
        architecture=one_line(str((config.get("architectures") or ["?"])[0]), 60),
        context=longest_text(folder),
        system=system,
        findings=findings,
    )


def _sentence(error: Exception) -> str:
    if isinstance(error, Refused):
        return str(error)
    return _("The chat template does not render a plain conversation: {reason}.").format(reason=error)


def _license(folder: Path) -> str:
    from tarot_tui.export.describe import license_of

    return one_line(license_of(folder).strip().partition("\n")[0], 60)


def _numbers(files: list[Path]) -> int:
    import math

    from tarot_tui.export.safetensors_file import SafetensorsFile

    count = 0
    for path in files:
        with SafetensorsFile(path) as file:
            count += sum(math.prod(tensor.shape) for tensor in file.tensors.values())
    return count
