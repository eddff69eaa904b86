"""Why a worker ended, in one sentence, with what to do next."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tarot_tui.jobs import files, ranks
from tarot_tui.jobs.python_error import PythonError, own_error
from tarot_tui.jobs.status import State
from tarot_tui.locale import N_, _
from tarot_tui.text import one_line


@dataclass(frozen=True)
class Ending:
    """What is known about a worker that ended.

    exit_code or signal: as waited for; both None for an adopted worker. log: the last lines of this attempt.
    others: those of its other processes, by rank; elsewhere: those of other machines' launchers. result: the contents
    of ``result.json``, {} without one. asked: ``stop``, ``kill`` or empty. forced: whether we signalled it.
    disk_free: bytes left on the job's disk; on a full one even the error message is lost. oom_kills: how many processes
    the kernel ended for want of memory meanwhile; None when it does not say.
    """

    exit_code: int | None = None
    signal: int | None = None
    log: Sequence[str] = ()
    result: dict[str, Any] = field(default_factory=dict)
    step: int | None = None
    total: int | None = None
    asked: str = ""
    forced: bool = False
    disk_free: int | None = None
    others: Mapping[int, Sequence[str]] = field(default_factory=dict)
    elsewhere: Sequence[str] = ()
    oom_kills: int | None = None


@dataclass(frozen=True)
class Verdict:
    """The state to write, its cause for programs, and the sentence for people (empty when all is well)."""

    state: State
    cause: str = ""
    reason: str = ""


_DISK_FULL = N_("The disk is full: free some space and resume; the last complete checkpoint is untouched.")
_HOST_MEMORY = N_(
    "The machine ran out of memory: close other programs, lower per_device_train_batch_size or cutoff_len, and resume."
)
#: Bytes of free space below which a log may have been cut off.
_NO_SPACE = 64 * 1024

#: cause, what the log says then, and our sentence. The first that matches holds: what comes first is what makes
#: the others happen. {detail} is the first group of the pattern, where it has one.
SIGNATURES: tuple[tuple[str, str, str], ...] = (
    (
        "cuda_oom",
        r"OutOfMemoryError: (?:CUDA|HIP)|(?:CUDA|HIP) out of memory|CUDA error: out of memory|CUBLAS_STATUS_ALLOC_FAILED",
        N_(
            "The GPU ran out of memory: lower per_device_train_batch_size or cutoff_len, or set quantization_bit: 4, and resume."
        ),
    ),
    (
        "host_oom",
        r"^(?:[\w.]*\.)?_?(?:Array)?MemoryError\b|DefaultCPUAllocator: (?:can't|not enough)|Cannot allocate memory|std::bad_alloc"
        r"|\[Errno 12\]",
        _HOST_MEMORY,
    ),
    (
        "disk_full",
        r"No space left on device|Disk quota exceeded|\[Errno 28\]|\[Errno 122\]|os error 28"
        r"|PytorchStreamWriter failed writing|inline_container\.cc.{0,40}unexpected pos",
        _DISK_FULL,
    ),
    (
        "nan",
        r"\bloss (?:is|became|was) (?:nan|inf)|\b(?:nan|inf|non-finite) loss|^FloatingPointError",
        N_(
            "The loss is no longer a number: lower learning_rate, or train in bf16 instead of fp16, and start again."
        ),
    ),
    (
        "gated",
        r"GatedRepoError|Access to model .{1,200} is restricted|You must (?:be authenticated|have access)",
        N_(
            "The model is gated: accept its licence on huggingface.co and log in with a token ('tarot-tui login')."
        ),
    ),
    (
        "model_not_found",
        r"RepositoryNotFoundError|Repository Not Found|is not a local folder and is not a valid model identifier"
        r"|HFValidationError|Repo id must (?:be|use)|does not appear to have a file named|EntryNotFoundError: 404"
        r"|Unrecognized model in",
        N_("The model was not found: check model_name_or_path, and log in if it is private."),
    ),
    (
        "hub_unreachable",
        r"couldn't connect to 'https?://|LocalEntryNotFoundError|OfflineModeIsEnabled|Max retries exceeded with url"
        r"|Temporary failure in name resolution|Name or service not known|httpx\.Connect(?:Error|Timeout)|Network is unreachable",
        N_(
            "The model hub could not be reached: check the network (or HF_ENDPOINT), or name a local folder, and resume."
        ),
    ),
    (
        "model_not_found",
        r"Can't load (?:the configuration|the model|tokenizer|image processor)",
        N_("The model was not found: check model_name_or_path, and log in if it is private."),
    ),
    (
        "port_in_use",
        r"EADDRINUSE|[Aa]ddress already in use",
        N_(
            "A network port it needs is taken by another program: end that one or choose another port, and resume."
        ),
    ),
    (
        "collective_timeout",
        ranks.COLLECTIVE_TIMEOUT,
        N_("The processes lost each other (time-out): see in the log which rank ended first, and resume."),
    ),
    (
        "collective_error",
        ranks.COLLECTIVE_ERROR,
        N_("The connection between the processes broke: see in the log which rank ended first, and resume."),
    ),
    (
        "cuda_error",
        r"CUDA error: |CUBLAS_STATUS_|CUDNN_STATUS_|cudaError|device-side assert",
        N_(
            "The GPU reported an error: resume; when it comes again, look at 'nvidia-smi' and the kernel log for Xid messages."
        ),
    ),
    (
        "other_versions",
        r"is required for a normal functioning of this module, but found ([\w.=-]+\w)",
        N_(
            "What trains does not work with {detail} in its environment: 'tarot-tui engines check' says which versions it wants."
        ),
    ),
    (
        "other_versions",
        r"keys are not used by the HfArgumentParser: \[(.{1,200})\]",
        N_(
            "This version of LLaMA-Factory does not know {detail}: leave it out of the recipe, or install the version that 'tarot-tui engines install' does."
        ),
    ),
    (
        "unknown_model_type",
        r"model type [`']?([\w.-]+)[`']? but Transformers does not recognize",
        N_(
            "The transformers that trains is too old for models of the kind {detail}: update it, or train with the other engine."
        ),
    ),
    (
        "missing_package",
        r"(?:ModuleNotFoundError|ImportError|PackageNotFoundError): No (?:module named|package metadata was found for) '?([\w.-]+)",
        N_("The Python package '{detail}' is missing: install it (pip install 'tarot-tui[all]') and resume."),
    ),
)

#: How launchers report that a process below them was killed.
_KILLED_BELOW = re.compile(
    r"died with <Signals\.(?P<name>SIG\w+)|exitcode\s*: -(?P<number>\d+)|\(exit code: -(?P<code>\d+)\)"
)


def classify(ending: Ending) -> Verdict:
    """Judge an ending: ``finished`` only when the work says so, or its steps are done."""
    outcome = ending.result.get("outcome")
    if outcome == "finished":
        early = one_line(
            str(ending.result.get("reason") or ""), 400
        )  # of work that was done before its last step
        return Verdict("finished", "early" if early else "", early)
    if outcome == "stopped":
        return Verdict(
            "stopped", "stopped", _("Stopped as asked; its work is saved, resume goes on from there.")
        )
    if ending.forced:
        return Verdict("stopped", "forced", _forced(ending))
    if outcome == "failed" and (said := one_line(str(ending.result.get("reason") or ""), 600)):
        return Verdict("failed", _cause(ending).cause, said)
    if ending.exit_code == 0:
        return _ended_quietly(ending)
    return _failure(ending)


def _forced(ending: Ending) -> str:
    if ending.asked == "kill":
        return _("Ended at once as asked; resume goes on from the last checkpoint.")
    return _("It did not stop in time and was ended; resume goes on from the last checkpoint.")


def _ended_quietly(ending: Ending) -> Verdict:
    if ending.total is None or ending.step == ending.total:
        return Verdict("finished")
    if ending.asked:
        return Verdict("stopped", "stopped", _("Stopped as asked; resume goes on from the last checkpoint."))
    return Verdict(
        "failed",
        "incomplete",
        _("It ended after step {step} of {total} without saying why: see its log, and resume.").format(
            step=ending.step or 0, total=ending.total
        ),
    )


def _failure(ending: Ending) -> Verdict:
    fallen = ranks.first_to_fall(ending.log, ending.others, ending.elsewhere)
    if fallen is None:
        return _cause(ending)
    if fallen.silent:
        reason = _(
            "Rank {rank} fell silent, and the others waited for it in vain: look at its machine and its log, and resume."
        )
        return Verdict("failed", "collective_timeout", reason.format(rank=fallen.rank))
    verdict = _cause(replace(ending, log=fallen.log, signal=fallen.signal or ending.signal))
    reason = _("Rank {rank} fell first. {reason}").format(rank=fallen.rank, reason=verdict.reason)
    if fallen.rank in ending.others:
        reason += " " + _("Its log: {file}.").format(file=files.rank_log(fallen.rank))
    return Verdict(verdict.state, verdict.cause, reason)


def _cause(ending: Ending) -> Verdict:
    error = own_error(ending.log)
    # A message of a library counts only where it is an error's; without any error, anywhere.
    text = error.text if error else "\n".join(ending.log)
    for cause, pattern, sentence in SIGNATURES:
        if found := re.search(pattern, text, re.MULTILINE):
            detail = found.group(1) if found.re.groups else ""
            return Verdict("failed", cause, _(sentence).format(detail=one_line(detail or "?", 60)))
    if error:
        return Verdict("failed", "python_error", _python_error(error))
    if ending.disk_free is not None and ending.disk_free < _NO_SPACE:
        return Verdict("failed", "disk_full", _(_DISK_FULL))
    if number := _signal_of(ending):
        if number == signal.SIGKILL and ending.oom_kills:
            return Verdict("failed", "host_oom", _(_HOST_MEMORY))
        return Verdict("failed", "killed", _killed(number, memory_is_known=ending.oom_kills is not None))
    if ending.exit_code is None:
        return Verdict(
            "failed",
            "unknown",
            _("It ended while nobody watched, and left no word: see its log, and resume."),
        )
    last = next((line for line in reversed(ending.log) if line.strip()), "")
    sentence = _("It ended with exit code {code}: {last}") if last else _("It ended with exit code {code}.")
    return Verdict("failed", "exit_code", sentence.format(code=ending.exit_code, last=one_line(last)))


def _python_error(error: PythonError) -> str:
    said = f"{error.name}: {error.message}" if error.message else error.name
    if not error.place:
        return said
    return _("{error} (in {place}; the log has the whole traceback)").format(error=said, place=error.place)


def _signal_of(ending: Ending) -> int | None:
    if ending.signal:
        return ending.signal
    if ending.exit_code is not None and 128 < ending.exit_code < 128 + signal.NSIG:
        return ending.exit_code - 128
    found = _KILLED_BELOW.search("\n".join(ending.log))
    if not found:
        return None
    if name := found["name"]:
        return getattr(signal, name, None)
    return int(found["number"] or found["code"])


def _killed(number: int, *, memory_is_known: bool) -> str:
    # Linux tells nobody but the killed process who did it; whether the kernel itself did can be known.
    if number == signal.SIGKILL and memory_is_known:
        return _(
            "It was killed (signal 9), and not for want of memory: by somebody, or by a batch system or a limit of this machine. Resume goes on from the last checkpoint."
        )
    if number == signal.SIGKILL:
        return _(
            "It was killed (signal 9); if nobody did that, the machine ran out of memory: use less of it, and resume."
        )
    if number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        return _(
            "It was ended from outside (signal {number}): resume goes on from the last checkpoint."
        ).format(number=number)
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = "?"
    return _("It crashed with signal {number} ({name}): see its log, and resume.").format(
        number=number, name=name
    )
