"""What both ways of serving say about an answer once it is complete."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stats:
    """tokens: produced; seconds: spent producing them; prompt_tokens: in the prompt, template included."""

    tokens: int = 0
    seconds: float = 0.0
    prompt_tokens: int = 0

    @property
    def per_second(self) -> float:
        """Tokens per second; 0 when nothing was produced."""
        return self.tokens / self.seconds if self.seconds > 0 else 0.0
