"""What would end a job although no terminal can: logind, a batch system, a container. Said before the job is started.

A session of one's own protects from SIGHUP, not from somebody who ends whole control groups.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from tarot_tui.findings import Finding
from tarot_tui.jobs.cgroup import unit_path
from tarot_tui.locale import _

#: The variable that tells a batch system's job its number, and the system's name.
_BATCH = {
    "SLURM_JOB_ID": "Slurm",
    "PBS_JOBID": "PBS",
    "LSB_JOBID": "LSF",
    "FLUX_JOB_ID": "Flux",
    "_CONDOR_JOB_AD": "HTCondor",
}
#: Where systemd looks for its configuration, the strongest first (systemd.syntax(7)).
_CONFIGURATION = ("etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd", "lib/systemd")


def findings(
    command: str = "tarot-tui train",
    *,
    staying: bool = False,
    root: Path = Path("/"),
    environ: Mapping[str, str] = os.environ,
) -> list[Finding]:
    """Everything that would end a job which is started from here with ``command``; each fix is a whole command.

    staying: the command does not return before the job's end, which is what a batch system waits for.
    """
    found = [*_logind(command, root), *_container(root)]
    if not staying:
        found += _batch(command, environ)
    return found


def _batch(command: str, environ: Mapping[str, str]) -> Iterator[Finding]:
    for variable, system in _BATCH.items():
        if number := environ.get(variable):
            yield Finding(
                "session.batch",
                "warning",
                _(
                    "This is a job of {system}, which ends everything in it as soon as its script or shell ends: stay in it until the training is over."
                ).format(system=system),
                evidence=f"{variable}={number}",
                fix=f"{command} --follow",
            )


def _logind(command: str, root: Path) -> Iterator[Finding]:
    unit = unit_path(root=root)
    found = re.search(r"/user-(\d+)\.slice/(session-|user@)", unit)
    if not found:
        return
    user = _user_name(int(found[1]))
    lingers = (root / "var/lib/systemd/linger" / user).exists()
    if found[2] == "user@":
        if not lingers:
            yield Finding(
                "session.linger",
                "warning",
                _("What runs under your service manager ends ten seconds after your last logout."),
                evidence=unit,
                fix="loginctl enable-linger",
            )
    elif _kills_processes_of(user, root):
        first = "" if lingers else "loginctl enable-linger && "
        yield Finding(
            "session.kill_user_processes",
            "warning",
            _(
                "This machine ends everything of a login when it ends (KillUserProcesses=yes), tmux too: start it outside of the login."
            ),
            evidence=unit,
            fix=f"{first}systemd-run --user --scope {command}",
        )


def _kills_processes_of(user: str, root: Path) -> bool:
    """Whether logind ends a user's processes at logout: KillUserProcesses, KillOnlyUsers, KillExcludeUsers."""
    settings = _logind_settings(root)
    if settings.get("KillUserProcesses", "no").lower() not in ("yes", "true", "on", "1"):
        return False
    only = settings.get("KillOnlyUsers", "").split()
    spared = settings.get("KillExcludeUsers", "root").split()
    return user not in spared and (not only or user in only)


def _logind_settings(root: Path) -> dict[str, str]:
    """logind.conf and its drop-ins. A line that is commented out names what was compiled in (logind.conf(5))."""
    folders = [root / folder for folder in _CONFIGURATION]
    main = [folder / "logind.conf" for folder in folders if (folder / "logind.conf").is_file()][:1]
    drop_ins: dict[str, Path] = {}
    for folder in folders:
        for path in folder.glob("logind.conf.d/*.conf"):
            drop_ins.setdefault(path.name, path)
    built_in: dict[str, str] = {}
    said: dict[str, str] = {}
    for path in [*main, *(drop_ins[name] for name in sorted(drop_ins))]:
        with suppress(OSError):
            text = path.read_text(errors="replace")
            for comment, key, value in re.findall(r"^\s*(#?)(Kill\w+)=(.*)$", text, re.MULTILINE):
                (built_in if comment else said)[key] = value.strip()
    return built_in | said


def _container(root: Path) -> Iterator[Finding]:
    """A container lives as long as its first process; where that is a shell on a terminal, 'exit' ends it."""
    try:
        stat = (root / "proc/1/stat").read_text()
    except OSError:
        return
    name, _closing, fields = stat.partition("(")[2].rpartition(")")
    terminal = fields.split()[4]  # field 7 of proc_pid_stat(5); 0 for a daemon, as any machine's init is
    if terminal != "0":
        yield Finding(
            "session.container",
            "warning",
            _(
                "This container ends with '{name}', the shell on its terminal: leave it with Ctrl-P Ctrl-Q, or start it detached."
            ).format(name=name),
            evidence=f"/proc/1: {name}",
            fix="docker run -d … sleep infinity",
        )


def _user_name(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
