"""The tensors of an adapter, each put to the weight of the base that it changes.

Names are those that peft saves (``peft/utils/save_and_load.py``) and are read away from a list of what is left, so
that nothing is used twice and what nobody knows remains.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tarot_tui.errors import Refused
from tarot_tui.export.adapter import Adapter
from tarot_tui.export.experts import expert_products
from tarot_tui.export.products import Layout, LowRank, Stored
from tarot_tui.locale import _
from tarot_tui.text import one_line

PREFIX = "base_model.model."
#: Models whose layers are transformers' ``Conv1D``, stored (in, out).
_CONV1D_MODELS = {"gpt2", "openai-gpt", "imagegpt", "decision_transformer"}

#: How names begin in a model with pictures, or in its text part alone, and how in its checkpoint. (transformers 5,
#: ``conversion_mapping.py``: llava, which Gemma 3 and Mistral 3 follow; Qwen2-VL; Qwen3.5.)
_TEXT_PARTS = (
    ("model.language_model.", "language_model.model."),
    ("model.language_model.", "model."),
    ("model.", "model.language_model."),
    ("model.", "language_model.model."),
    ("lm_head.", "language_model.lm_head."),
)

#: The shape of every tensor of a base.
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(slots=True)
class Change:
    """What happens to one tensor, in this order.

    replacement: its content is another. tokens: single rows, by their index, are another. products: low-rank products
    are added. magnitude: of DoRA, the lengths that its rows (of a transposed layout: its columns) are then brought to.
    vectors: scaled vectors are added to a bias.
    """

    replacement: Stored | None = None
    tokens: tuple[tuple[tuple[int, ...], Stored], ...] = ()
    products: tuple[LowRank, ...] = ()
    magnitude: Stored | None = None
    vectors: tuple[tuple[Stored, float], ...] = ()

    @property
    def idle(self) -> bool:
        """Whether nothing happens: products alone, and of each the factor that training begins with as zeros still is."""
        if self.replacement or self.magnitude or self.tokens or self.vectors:
            return False
        return not any(product.b.read().any() for product in self.products)

    @property
    def stored(self) -> list[Stored]:
        """Every tensor of the adapter that takes part."""
        factors = [factor for product in self.products for factor in (product.a, product.b)]
        single = [one for one in (self.replacement, self.magnitude) if one]
        return [
            *factors,
            *single,
            *(vector for vector, _scale in self.vectors),
            *(rows for _at, rows in self.tokens),
        ]


Changes = dict[str, Change]


def read_forms(adapter: Adapter, shapes: Shapes, model_type: str) -> Changes:
    """What ``adapter`` changes in a base whose tensors have ``shapes``; names are the base's where it has them.

    Raises Refused for a tensor that has no place, naming it.
    """
    left = dict.fromkeys(adapter.file.tensors)
    reader = _Reader(adapter, shapes, model_type, left)
    reader.low_rank()
    reader.trained_tokens()
    reader.replacements()
    if left:
        raise Refused(
            _("The adapter holds '{tensor}', which cannot be merged exactly; nothing was exported.").format(
                tensor=one_line(next(iter(left)))
            )
        )
    return reader.changes


def in_base(name: str, shapes: Shapes) -> str:
    """The name that a checkpoint has for a model's ``name``, when it is another.

    Older checkpoints leave out the model's own prefix (GPT-2's ``h.0…`` for ``transformer.h.0…``), and transformers 5
    renames Mixtral's blocks, and the text part of a model that also sees, as it loads them.
    """
    others = (name.partition(".")[2], name.replace(".mlp.gate.", ".block_sparse_moe.gate."))
    candidates = (name, *others, *_as_text_part(name))
    return next((candidate for candidate in candidates if candidate in shapes), name)


def _as_text_part(name: str) -> list[str]:
    return [there + name.removeprefix(here) for here, there in _TEXT_PARTS if name.startswith(here)]


class _Reader:
    def __init__(self, adapter: Adapter, shapes: Shapes, model_type: str, left: dict[str, None]) -> None:
        self.adapter, self.shapes, self.model_type, self.left = adapter, shapes, model_type, left
        self.changes: Changes = {}

    def change(self, name: str) -> Change:
        return self.changes.setdefault(in_base(name, self.shapes), Change())

    def take(self, name: str) -> Stored:
        del self.left[name]
        return self.adapter[name]

    def low_rank(self) -> None:
        """LoRA pairs, with DoRA's magnitude and ``lora_bias`` where they have one."""
        for key in list(self.left):
            match = re.fullmatch(re.escape(PREFIX) + r"(.+)\.lora_(embedding_A|A\.weight)", key)
            if not match or key not in self.left:
                continue
            module, embedding = match[1], match[2] == "embedding_A"
            partner = key.replace(".lora_embedding_A", ".lora_embedding_B").replace(".lora_A.", ".lora_B.")
            if partner not in self.left:
                raise _incomplete(key)
            a, b = self.take(key), self.take(partner)
            known = embedding or in_base(f"{module}.weight", self.shapes) in self.shapes
            if known or not self._experts(module, a, b):
                self._pair(module, a, b, embedding)

    def _experts(self, module: str, a: Stored, b: Stored) -> bool:
        """Whether the pair is one of experts, and then its products."""
        for stack in (module, *_as_text_part(module)):
            found = expert_products(self.adapter, stack, a, b, self.shapes, self.model_type)
            for name, product in found.items():
                self.change(name).products += (product,)
            if found:
                return True
        return False

    def _pair(self, module: str, a: Stored, b: Stored, embedding: bool) -> None:
        change = self.change(f"{module}.weight")
        scale = self.adapter.scale(module, a.shape[0])
        layout = Layout.EMBEDDING if embedding else self._linear_layout(module, a, b)
        change.products += (LowRank(a, b, scale, layout),)
        stem = f"{PREFIX}{module}.lora_magnitude_vector"
        if key := next((key for key in (stem, f"{stem}.weight") if key in self.left), None):
            change.magnitude = self.take(key)
        elif self.adapter.config.get("use_dora"):
            raise _incomplete(a.name)
        if (key := f"{PREFIX}{module}.lora_B.bias") in self.left:
            self.change(f"{module}.bias").vectors += ((self.take(key), scale),)

    def _linear_layout(self, module: str, a: Stored, b: Stored) -> Layout:
        """Shapes tell a Conv1D from a linear layer; of square ones only the model does.

        peft's own ``fan_in_fan_out`` tells nothing: it has one for all layers, and saves what it set for the last.
        """
        shape = self.shapes.get(in_base(f"{module}.weight", self.shapes))
        straight, turned = (b.shape[0], *a.shape[1:]), (*a.shape[1:], b.shape[0])
        if straight == turned:
            transposed = self.model_type in _CONV1D_MODELS and not module.endswith("lm_head")
        else:
            transposed = shape == turned
        return Layout.TRANSPOSED if transposed else Layout.LINEAR

    def trained_tokens(self) -> None:
        """Rows of an embedding that were trained alone (``trainable_token_indices``)."""
        for key in list(self.left):
            if match := re.fullmatch(re.escape(PREFIX) + r"(.+)\.token_adapter\.trainable_tokens_delta", key):
                rows = self.adapter[key]
                at = self._token_indices(match[1], rows.shape[0] if rows.shape else 0)
                self.change(f"{match[1]}.weight").tokens += ((at, self.take(key)),)

    def _token_indices(self, module: str, count: int) -> tuple[int, ...]:
        given = self.adapter.config.get("trainable_token_indices")
        if isinstance(given, dict):
            given = next(
                (at for name, at in given.items() if module == name or module.endswith(f".{name}")), None
            )
        if (
            not isinstance(given, list)
            or len(given) != count
            or any(type(n) is not int or n < 0 for n in given)
        ):
            raise Refused(
                _("trainable_token_indices of the adapter do not fit '{module}'; it is damaged.").format(
                    module=one_line(module)
                )
            )
        return tuple(given)

    def replacements(self) -> None:
        """Whole tensors: ``modules_to_save``, biases, and the base weight that peft saves beside a targeted embedding."""
        for key in list(self.left):
            if not key.startswith(PREFIX) or ".lora_" in key or not key.endswith((".weight", ".bias")):
                continue
            name = key.removeprefix(PREFIX)
            saved = f"{PREFIX}{name.replace('.original_module.', '.')}"
            if ".original_module." in name and saved in self.adapter:
                del self.left[key]  # peft's copy of what the saved module replaces
                continue
            change = self.change(re.sub(r"\.(token_adapter|modules_to_save|base_layer)(?=\.)", "", name))
            if change.replacement and not change.replacement.same(self.adapter[key]):
                continue
            change.replacement = self.take(key)  # peft saves some tensors under two names


def _incomplete(key: str) -> Refused:
    return Refused(
        _("The adapter holds '{tensor}' without its other half; it is incomplete.").format(
            tensor=one_line(key)
        )
    )


def combine(adapters: Sequence[Adapter], read: Callable[[Adapter], Changes]) -> Changes:
    """The changes of several adapters together: products and vectors add up, anything else must be one's alone.

    Raises Refused when two adapters, or a weight other than 1, ask for what is no sum.
    """
    together: Changes = {}
    for adapter in adapters:
        for name, change in read(adapter).items():
            if adapter.weight != 1 and (change.replacement or change.magnitude or change.tokens):
                raise Refused(
                    _(
                        "{folder} sets '{tensor}' as a whole (saved module, DoRA or trained tokens), so it cannot be "
                        "merged with a weight; use weight 1."
                    ).format(folder=adapter.folder, tensor=one_line(name))
                )
            together[name] = _added(name, together[name], change) if name in together else change
    return together


def _added(name: str, one: Change, other: Change) -> Change:
    def whole(change: Change) -> bool:
        return bool(change.replacement or change.magnitude or change.tokens)

    if whole(one) or whole(other):
        raise Refused(
            _(
                "Two of the adapters set '{tensor}' as a whole (saved module, DoRA or trained tokens); merge them one "
                "after the other instead."
            ).format(tensor=one_line(name))
        )
    return Change(products=one.products + other.products, vectors=one.vectors + other.vectors)
