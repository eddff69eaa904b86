"""The quantisations that an export offers: the usual ones first, then all that can be made here. No Textual here."""

from __future__ import annotations

from collections.abc import Iterator

from tarot_tui.locale import N_, _

#: The usual ones, the likeliest first, and in a few words what each is for.
_USUAL = (
    ("q8_0", N_("nearly exact, one byte a weight")),
    ("q4_k_m", N_("half of that, for models of 1 B and more")),
    ("q5_k_m", N_("between the two")),
    ("q6_k", N_("nearer to q8_0")),
    ("f16", N_("exact, two bytes a weight")),
)


def usual(chosen: str = "") -> list[tuple[str, str]]:
    """Label and name of the usual ones; ``chosen`` too, if it is another."""
    offered = [(_("{name}: {words}").format(name=name, words=_(words)), name) for name, words in _USUAL]
    return offered if not chosen or chosen in dict(_USUAL) else [*offered, (chosen, chosen)]


def every() -> Iterator[tuple[str, float, str]]:
    """Name, about how many bits a weight takes, and what has to be said of it; those that need no importance matrix."""
    from tarot_tui.export.kquants import BLOCKS, QUANTS
    from tarot_tui.export.llama_quantize import FOREIGN, find

    words = dict(_USUAL)
    for name, quant in QUANTS.items():
        count, taken = BLOCKS[quant.type]
        yield name, 8 * taken / count, _(words[name]) if name in words else ""
    made = _("made by llama.cpp's llama-quantize")
    said = made if find() else _("{made}, which is not here").format(made=made)
    yield from ((name, foreign.bits, said) for name, foreign in FOREIGN.items() if foreign.blind)
