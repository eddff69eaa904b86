"""Two models and the same questions; in a blind one the names stay hidden until the votes are counted."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from tarot_tui.project import Project
from tarot_tui.serving.dialogue import Dialogue

#: Which answer was better: the first shown, the second, or neither.
Vote = Literal["a", "b", "tie"]
FILE = "votes.jsonl"


@dataclass
class Duel:
    """names: of the two models. dialogues: with each. blind: whether the order is drawn anew for each question."""

    names: tuple[str, str]
    dialogues: tuple[Dialogue, Dialogue]
    blind: bool = False
    votes: Counter[str] = field(default_factory=Counter)
    random: random.Random = field(default_factory=random.Random)
    _order: tuple[int, int] = (0, 1)

    def draw(self) -> list[tuple[str, Dialogue]]:
        """The two in the order in which this question's answers are shown, each with the label to show."""
        if not self.blind:
            return list(zip(self.names, self.dialogues, strict=True))
        self._order = (0, 1) if self.random.random() < 0.5 else (1, 0)
        return [(label, self.dialogues[index]) for label, index in zip("AB", self._order, strict=True)]

    def vote(self, vote: Vote, project: Project | None = None) -> None:
        """Count a vote on the last question; with ``project`` it is also kept in ``models/votes.jsonl``."""
        winner = "" if vote == "tie" else self.names[self._order["ab".index(vote)]]
        self.votes[winner] += 1
        if project:
            _keep(project, self, winner)

    def result(self) -> list[tuple[str, int]]:
        """Each model's votes, the better one first; then the ties, under an empty name."""
        models = sorted(((name, self.votes[name]) for name in self.names), key=lambda one: -one[1])
        return [*models, ("", self.votes[""])]


def _keep(project: Project, duel: Duel, winner: str) -> None:
    question = next(
        (one["content"] for one in reversed(duel.dialogues[0].turns) if one["role"] == "user"), ""
    )
    entry = {
        "time": datetime.now().astimezone().isoformat(timespec="seconds"),
        "question": question,
        "models": list(duel.names),
        "answers": [dialogue.turns[-1]["content"] if dialogue.turns else "" for dialogue in duel.dialogues],
        "winner": winner or None,
    }
    project.models.mkdir(exist_ok=True)
    file = os.open(project.models / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, (json.dumps(entry, ensure_ascii=False) + "\n").encode())
    finally:
        os.close(file)
