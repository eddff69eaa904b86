"""Where to: ``hub:ORG/REPO``, a folder, or a remote of rclone such as ``gdrive:models``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tarot_tui.errors import BadInput, Refused
from tarot_tui.locale import _
from tarot_tui.text import one_line

# The hub's own rule (huggingface_hub.utils.validate_repo_id), with the owner spelled out.
_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
# rclone's rule for remote names, and one character would be a drive on other systems.
_REMOTE = re.compile(r"([\w.+@][\w.+@ -]+):(.*)", re.S)


@dataclass(frozen=True)
class Target:
    """kind: ``hub``, ``folder`` or ``rclone``. place: the repository, the absolute folder, or ``remote:path``."""

    kind: str
    place: str

    @property
    def label(self) -> str:
        """The place as its users write it."""
        return f"hub:{self.place}" if self.kind == "hub" else self.place


def parse(text: str) -> Target:
    """What ``--to`` says. Raises BadInput for a repository without owner, Refused for a remote without rclone."""
    if not text.strip():
        raise BadInput(_("--to is empty: name a place, such as hub:me/tarot or a folder."))
    if text.startswith("hub:"):
        repository = text.removeprefix("hub:")
        if not _REPO.fullmatch(repository) or ".." in repository or "--" in repository:
            raise BadInput(
                _("--to {text}: a repository is written hub:OWNER/NAME, such as hub:me/tarot.").format(
                    text=one_line(text, 80)
                )
            )
        return Target("hub", repository)
    remote = _REMOTE.fullmatch(text)
    if remote and not Path(text).exists():
        _check_remote(remote[1])
        return Target("rclone", text)
    return Target("folder", str(Path(text).expanduser().absolute()))


def _check_remote(remote: str) -> None:
    from tarot_tui.publish.rclone import remotes

    known = remotes()
    if known is None:
        raise Refused(
            _(
                "'{remote}:' is a remote of rclone, which is not installed: see rclone.org/install, "
                "then 'rclone config' sets up Google Drive and others."
            ).format(remote=one_line(remote, 40))
        )
    if remote not in known:
        there = ", ".join(sorted(known)) or _("none yet")
        raise BadInput(
            _("rclone knows no remote '{remote}' (there are {known}): 'rclone config' makes one.").format(
                remote=one_line(remote, 40), known=one_line(there, 200)
            )
        )
