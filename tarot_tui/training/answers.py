"""What a model answers after its training and would have before: ``answers.json`` in the run's folder. No torch here.

Written by the native engine once a run has finished, from samples that were held out, or learned ones if none were:

- ``held_out``: whether the questions are of samples that were held out, and not learned.
- ``perplexity``: ``base`` and ``tuned``, over the ``tokens`` that are learned of ``samples`` held out (e to the mean
  negative logarithm of their probabilities); null when none were, or time ran out.
- ``answers``: for each question the ``messages`` up to it, the ``expected`` answer, and what ``base`` and ``tuned``
  say without any chance in it: ``text``, and ``ended``, whether they came to an end by themselves. ``base`` is null
  where time ran out.
- ``seconds``: how long it took. ``left_out``: why something is missing, in a sentence; empty when all is there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = "answers.json"


def read_answers(run: Path) -> dict[str, Any]:
    """The contents of the file; {} when there is none, or it is damaged."""
    try:
        found = json.loads((run / FILE).read_bytes())
        return found if isinstance(found["answers"], list) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
