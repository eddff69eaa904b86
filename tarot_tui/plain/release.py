"""Steps 5 to 7: a model file of a run, into Ollama, and talk to it."""

from __future__ import annotations

from tarot_tui.locale import _
from tarot_tui.plain import ask
from tarot_tui.plain.ask import tell
from tarot_tui.plain.wizard import do
from tarot_tui.project import Project, safe_name
from tarot_tui.tui import commands, quants, steps
from tarot_tui.tui.suggestions import exportable, free_release_name


def export(project: Project) -> bool:
    """Make a model file of a run, and prove it."""
    runs = [run.name for run in reversed(exportable(project))]
    made = steps.trained_names(project)
    if not runs:
        tell(_("No run has anything to export yet: train one first."))
        return False
    if made and not ask.yes(_("There is {name} already. Export again?").format(name=made[-1])):
        return True
    run = ask.choose(_("Export which run?"), [(name, name) for name in runs])
    quant = _quantisation(project, run)
    name = ask.text(
        _("Name of the model?"),
        free_release_name(project, run),
        lambda word: safe_name(word, _("model")) and None,
    )
    replace = name in steps.release_names(project)
    if replace and not ask.yes(_("models/{name} exists. Replace it?").format(name=name)):
        return False
    if do(project, commands.export(run, [quant], name, replace=replace)):
        return False
    project.remember("release", name)
    if ask.yes(_("Prove that what is served is what was trained? That takes minutes."), offered=True):
        do(project, ["release", "proof", name])
    return True


def _quantisation(project: Project, run: str) -> str:
    """One of the usual ones, or of all."""
    from tarot_tui.export.launch import default_quant, find_trained

    fitting = default_quant(find_trained(project.jobs / run).base)
    more = (_("another: show all types"), "")
    if chosen := ask.choose(_("Which quantisation?"), [*quants.usual(), more], fitting):
        return chosen
    kinds = []
    for name, bits, said in quants.every():
        about = _("About {bits:.1f} bits a weight; {said}.") if said else _("About {bits:.1f} bits a weight.")
        kinds.append((f"{name}  {about.format(bits=bits, said=said)}", name))
    return ask.choose(_("Which quantisation?"), kinds, fitting)


def ollama(project: Project) -> bool:
    """Import a release into Ollama; or not, since llama.cpp can chat with it, too."""
    name = _release(project)
    if not name:
        return False
    if not ask.yes(
        _("Import {name} into Ollama? The chat works without, too.").format(name=name), offered=True
    ):
        return True
    host = ask.text(_("Which Ollama? Empty: the one of OLLAMA_HOST, or on this machine."))
    code = do(project, commands.ollama_import(name, host=host))
    if code == 0:
        kept = project.recall("ollama")
        project.remember("ollama", [*(kept if isinstance(kept, list) else []), name])
    return True


def chat(project: Project) -> bool:
    """Talk to a release."""
    name = _release(project)
    if name:
        do(project, commands.chat(name))
        kept = project.recall("chat")
        project.remember("chat", [*(kept if isinstance(kept, list) else []), name])
    return False


def _release(project: Project) -> str:
    names = steps.trained_names(project) or steps.release_names(project)
    if not names:
        tell(_("No models yet: export a run first."))
        return ""
    if len(names) == 1:
        return names[0]
    chosen = project.recall("release")
    return ask.choose(_("Which model?"), [(name, name) for name in reversed(names)], chosen)


WALKS = {"export": export, "ollama": ollama, "chat": chat}
