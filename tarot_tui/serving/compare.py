"""The same questions to two models, greedily, so that one sees what training changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tarot_tui.serving.local import Local


@dataclass(frozen=True)
class Answers:
    """One question and what the base and the tuned model say to it."""

    question: str
    base: str
    tuned: str

    def as_dict(self) -> dict[str, str]:
        """JSON-ready keys and values."""
        return asdict(self)


def ask(gguf: Path, questions: Sequence[str], system: str = "", num_predict: int = 60) -> list[str]:
    """Each question on its own, answered greedily (temperature 0), at most ``num_predict`` tokens long.

    Raises TarotError when the model cannot be loaded or its process dies.
    """
    before = [{"role": "system", "content": system}] if system else []
    with Local(gguf) as model:
        return [
            "".join(
                model.chat(
                    [*before, {"role": "user", "content": question}], temperature=0, num_predict=num_predict
                )
            )
            for question in questions
        ]


def compare(
    base: Path, tuned: Path, questions: Sequence[str], system: str = "", num_predict: int = 60
) -> list[Answers]:
    """``questions`` put to both GGUF files, one model in memory at a time."""
    first = ask(base, questions, system, num_predict)
    second = ask(tuned, questions, system, num_predict)
    return [Answers(*answers) for answers in zip(questions, first, second, strict=True)]
