"""Ask for an import into Ollama: check it, make its job and start it. Light enough for a screen to call."""

from __future__ import annotations

from pathlib import Path

from tarot_tui.locale import _
from tarot_tui.project import Project

#: The kind of these jobs.
KIND = "import"


def launch(
    project: Project,
    release: str,
    name: str | None = None,
    *,
    quant: str | None = None,
    replace: bool = False,
    host: str | None = None,
) -> tuple[Path, str]:
    """Start bringing ``release`` into Ollama as ``name`` (None: the same); the job's folder, and what Ollama needs.

    ``host`` as in ``OLLAMA_HOST``, which is used when it is None. Raises what
    :func:`tarot_tui.serving.importing.check_import` does.
    """
    from tarot_tui.export.release import read_release
    from tarot_tui.jobs.launch import start
    from tarot_tui.jobs.spec import create
    from tarot_tui.serving.importing import check_import
    from tarot_tui.serving.ollama import Ollama

    found = read_release(project, release)
    with Ollama(host) as ollama:
        wanted = check_import(ollama, found, name or release, quant=quant, replace=replace)
        url = ollama.url
    folder = create(
        project,
        KIND,
        f"import-{release}",
        ["{python}", "-m", "tarot_tui.serving.import_worker"],
        {
            "project": str(project.root.resolve()),
            "release": release,
            "name": wanted.name,
            "quant": quant,
            "replace": replace,
            # The server as it was found: a resume from another login may have another OLLAMA_HOST.
            "host": url,
        },
        title=_("import {name} into Ollama").format(name=release),
    )
    start(folder)
    return folder, wanted.room
