"""``tarot-tui release proof NAME [--quick] [--redo]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.cli.progress import Progress
from tarot_tui.errors import Refused
from tarot_tui.locale import _
from tarot_tui.text import plain, size


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("name", metavar="NAME", help=_("a model of this project"))
    parser.add_argument(
        "--quick", action="store_true", default=False, help=_("prompts and tokens only: some seconds")
    )
    parser.add_argument(
        "--redo", action="store_true", default=False, help=_("also when there is a proof that holds")
    )


def run(args: Namespace) -> int:
    """Make the proof as a job, unless there is one that holds. Returns 1 when it speaks against the model.

    ``--json``: what is in ``proof.json``.
    """
    from tarot_tui.export.release import need_ggufs, read_release
    from tarot_tui.jobs.follow import closing_words, exit_code, follow
    from tarot_tui.proof.launch import cost, launch, read_proof, stale

    project = project_of(args)
    release = read_release(project, args.name)
    proof = read_proof(release)
    need_ggufs(release)
    if proof and not args.redo and not stale(release, proof) and (args.quick or _is_full(proof)):
        return _tell(args, proof)
    if not args.quick:
        needs = cost(release)
        if not needs.fits:
            raise Refused(
                _(
                    "The trained model itself takes {memory} of memory and {free} are free: "
                    "'--quick' proves prompts and tokens without it."
                ).format(memory=size(needs.memory), free=size(needs.free))
            )
        say(
            args,
            _("Will load the trained model ({memory} of memory), and each file in llama.cpp.").format(
                memory=size(needs.memory)
            ),
        )
    job = launch(project, release, cheap=args.quick)
    say(args, _("Proving as {job}; it goes on when this terminal is closed.").format(job=job.name))
    with Progress(args) as progress:
        ended = follow(job, on_line=lambda line: None, on_status=progress.show)
    if ended.state == "finished":
        return _tell(args, read_proof(release))
    if args.json:
        emit({"job": job.name, "state": ended.state, "reason": ended.reason})
    else:
        say(args, closing_words(job, ended))
    return ended.exit_code if ended.state == "failed" and ended.exit_code in (2, 3) else exit_code(ended)


def _is_full(proof: dict[str, Any]) -> bool:
    return any("agreement" in one or "answers" in one for one in proof["quants"].values())


def _tell(args: Namespace, proof: dict[str, Any]) -> int:
    if args.json:
        emit(proof)
    say(args, plain(str(proof["verdict"])))
    for quant, found in proof["quants"].items():
        figures = [
            _("{count} prompts equal").format(
                count=found["prompts"]["compared"] - len(found["prompts"]["different"])
            ),
            _("{count} texts the same tokens").format(
                count=found["tokens"]["compared"] - len(found["tokens"]["different"])
            ),
        ]
        if "agreement" in found:
            figures.append(
                _("mean KL {kl:.4f}, the same likeliest token at {top1:.1%}").format(**found["agreement"])
            )
        if "word_for_word" in found:
            figures.append(
                _("{same} of {count} answers word for word").format(
                    same=found["word_for_word"], count=len(proof["questions"])
                )
            )
        say(args, f"  {quant:<8} " + "; ".join(figures))
    say(args, _("Everything: models/{name}/PROOF.md").format(name=proof["release"]))
    bad = any(one["prompts"]["different"] or one["tokens"]["different"] for one in proof["quants"].values())
    return int(bad)
