"""A recipe's parameters in sections, as forms and lists show them."""

from __future__ import annotations

from dataclasses import dataclass

from tarot_tui.locale import N_
from tarot_tui.training.fields import Field
from tarot_tui.training.recipe import fields

#: Where each section begins, in the order in which the parameters are declared.
_BEGINNINGS = {
    "model_name_or_path": N_("What is learned"),
    "finetuning_type": N_("How it is learned"),
    "per_device_train_batch_size": N_("The steps"),
    "logging_steps": N_("What is measured and kept"),
}


@dataclass(frozen=True)
class Section:
    """title: not translated yet."""

    title: str
    fields: list[Field]


def sections() -> list[Section]:
    """Every parameter, each in one section."""
    found: list[Section] = []
    for field in fields():
        if field.name in _BEGINNINGS:
            found.append(Section(_BEGINNINGS[field.name], []))
        found[-1].fields.append(field)
    return found
