"""A release into Ollama, and the proof that Ollama asks the model exactly as it was trained to be asked."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tarot_tui.errors import BadInput, Refused, TarotError
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.serving.abilities import abilities, is_older
from tarot_tui.serving.ollama import Ollama, OnStatus, Unreachable, full_name
from tarot_tui.text import size

if TYPE_CHECKING:
    from tarot_tui.export.release import Release

# What /api/show says of a model that has no template of its own.
_NO_TEMPLATE = ("", "{{ .Prompt }}")
_CHUNK = 1 << 20
# Before an upload that broke off is tried again, in seconds: a tunnel that fell needs a moment to come back.
_WAITS = (2.0, 8.0, 30.0)


class Different(TarotError):
    """Ollama would ask the model in another way than it was trained."""


@dataclass(frozen=True)
class Imported:
    """name: in Ollama, with its tag. findings: what was proven about its prompt, or why it could not be."""

    name: str
    url: str
    version: str
    findings: list[Finding]


@dataclass(frozen=True)
class Request:
    """An import that nothing speaks against: the name with its tag, the file, and the server's version."""

    name: str
    gguf: Path
    version: str

    @property
    def room(self) -> str:
        """One sentence on what the server needs for it."""
        bytes_ = self.gguf.stat().st_size
        if abilities(self.version).rewrites_files:
            return _("Ollama needs {size} for it, and for a moment twice that.").format(size=size(bytes_))
        return _("Ollama needs {size} for it.").format(size=size(bytes_))


def check_import(
    ollama: Ollama, release: Release, name: str, *, quant: str | None = None, replace: bool = False
) -> Request:
    """Whether ``release`` can become ``name`` there, before anything is read or sent.

    Raises BadInput for a name or quantisation that cannot be, Refused for a name that is taken (unless ``replace``)
    or a server too old for the release, TarotError when no server answers.
    """
    name = full_name(name)
    gguf = pick_gguf(release, quant)
    version = ollama.version()
    if release.template is None and not abilities(version).reads_jinja:
        raise Refused(
            _(
                "The chat template of {release} has no exact Go form, so it needs Ollama 0.30 or newer; "
                "{url} is {version}: update it."
            ).format(release=release.name, url=ollama.url, version=version)
        )
    oldest = str(release.facts["template"].get("ollama") or "")
    if is_older(version, oldest):
        raise Refused(
            _("{release} needs Ollama {oldest} or newer; {url} is {version}: update it.").format(
                release=release.name, oldest=oldest, url=ollama.url, version=version
            )
        )
    if not replace and ollama.find(name):
        raise Refused(
            _("Ollama already has a model '{name}': pass --replace, or another name with --as.").format(
                name=name
            )
        )
    return Request(name, gguf, version)


def import_release(
    ollama: Ollama,
    release: Release,
    name: str,
    *,
    quant: str | None = None,
    replace: bool = False,
    on_status: OnStatus = lambda *_: None,
) -> Imported:
    """Create ``name`` in Ollama from a release (its first quantisation unless ``quant`` names one), then prove it.

    Template, system prompt, stop tokens and parameters are sent as the release holds them, so nothing is left for
    Ollama to guess. Raises what :func:`check_import` does, TarotError when Ollama declines, and Different when it would
    ask the model in another way than it was trained; what had the name before then has it still.
    """
    wanted = check_import(ollama, release, name, quant=quant, replace=replace)
    digest = _digest(wanted.gguf, on_status)
    _send(ollama, wanted.gguf, digest, on_status)
    body = _request(release, wanted.gguf, digest)
    # Under a name of its own until it is proven: what has the name now is not lost for one that is wrong.
    trial = _trial(wanted.name, body)
    try:
        ollama.create_model({"model": trial, **body}, on_status)
        on_status(_("comparing its prompts with the trained ones"), None, None)
        findings = prove(ollama, release, trial, known_as=wanted.name)
        ollama.copy(trial, wanted.name)
    except Different as error:
        raise Different(_("{error} Nothing was changed there.").format(error=error)) from None
    finally:
        with suppress(TarotError):
            ollama.delete(trial)
    return Imported(wanted.name, ollama.url, wanted.version, findings)


def _trial(name: str, body: dict[str, Any]) -> str:
    """The name under which a model is tried.

    Of what is in it: another import at the same time proves its own, and what one leaves that is killed goes with the next.
    """
    content = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return f"{name.rpartition(':')[0]}:unproven-{content[:16]}"


def _send(ollama: Ollama, gguf: Path, digest: str, on_status: OnStatus) -> None:
    """Upload unless the server holds the file; a connection that breaks off is tried again."""
    for wait in (*_WAITS, None):
        try:
            if not ollama.has_blob(digest):
                ollama.upload(gguf, digest, on_status)
            return
        except Unreachable:
            if wait is None:
                raise
            on_status(
                _("the connection broke off; trying again in {seconds:.0f} s").format(seconds=wait),
                None,
                None,
            )
            time.sleep(wait)


def pick_gguf(release: Release, quant: str | None = None) -> Path:
    """The GGUF of a release: the quantisation asked for, else the first that was made. Raises BadInput."""
    if not release.ggufs:
        raise BadInput(
            _("{release} holds no GGUF: export the run again with --quant.").format(release=release.name)
        )
    if quant is None:
        return next(iter(release.ggufs.values()))
    found = {key.casefold(): path for key, path in release.ggufs.items()}.get(quant.casefold())
    if found is None:
        raise BadInput(
            _("{release} has no quantisation '{quant}'; it has {known}.").format(
                release=release.name, quant=quant, known=", ".join(release.ggufs)
            )
        )
    return found


def _request(release: Release, gguf: Path, digest: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "files": {"model.gguf": digest},
        "system": release.system,
        "template": release.template,
        "parameters": {**release.parameters, "stop": release.stops},
        "license": release.license,
    }
    # An empty stop list would still be a parameter, and an empty template still a layer.
    body["parameters"] = {key: value for key, value in body["parameters"].items() if value not in (None, [])}
    return {key: value for key, value in body.items() if value}


def _digest(path: Path, on_status: OnStatus) -> str:
    # Always of the file as it is now: a hash noted at export would hide that it was changed since.
    total, done, sha = path.stat().st_size, 0, hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            sha.update(chunk)
            done += len(chunk)
            on_status(_("computing the checksum"), done, total)
    return f"sha256:{sha.hexdigest()}"


def prove(ollama: Ollama, release: Release, name: str, known_as: str = "") -> list[Finding]:
    """What can be shown about the prompts of ``name`` there; Different when they are not those of the release.

    known_as: what to call it, where that is not its name.
    """
    shown, called = ollama.show(name), known_as or name
    template = str(shown.get("template") or "")
    if template != (release.template or "") and not (release.template is None and template in _NO_TEMPLATE):
        raise Different(_different(called, _("its template is not the one that was sent")))
    if str(shown.get("system") or "") != release.system:
        raise Different(_different(called, _("its system prompt is not the one that was sent")))
    return [_prompts(ollama, release, name, called)]


def _prompts(ollama: Ollama, release: Release, name: str, called: str) -> Finding:
    # Without a system message Ollama puts the release's own in front, which is another conversation.
    known = [
        one for one in release.conversations if not release.system or one["messages"][0]["role"] == "system"
    ]
    for count, one in enumerate(known):
        rendered = ollama.render(name, one["messages"], release.thinking)
        if rendered is None and not count:
            return _unproven(_("this Ollama cannot show prompts (it needs 0.11.5 or newer)"))
        if rendered != one["prompt"]:
            raise Different(_different(called, _("it renders a test conversation differently")))
    if not known:
        return _unproven(_("the release holds no test conversations"))
    return Finding(
        id="ollama.prompt",
        severity="ok",
        text=_("Ollama asks the model exactly as it was trained ({count} test conversations).").format(
            count=len(known)
        ),
    )


def _different(name: str, how: str) -> str:
    return _(
        "Ollama would not ask '{name}' as it was trained: {how}. "
        "Import it again with --replace, or chat with --local."
    ).format(name=name, how=how)


def _unproven(reason: str) -> Finding:
    return Finding(
        id="ollama.unproven",
        severity="warning",
        text=_("The template arrived, but the prompts could not be compared: {reason}.").format(
            reason=reason
        ),
    )
