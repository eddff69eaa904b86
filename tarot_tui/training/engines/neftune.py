"""NEFTune: noise on what the model reads while it learns (Jain et al., arXiv:2310.05914).

Trainer's own takes the length of a batch's rows for the length of its texts, which it is not where a row holds several.
"""

from __future__ import annotations

from typing import Any

import torch

from tarot_tui.training.engines.fused import segments


def add_noise(embeddings: torch.nn.Module, alpha: float) -> None:
    """From now on add uniform noise of at most alpha / √(length of the text × width) to the embeddings while training."""

    def hook(module: torch.nn.Module, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
        if not module.training:
            return output
        begins = segments.begins()
        if begins is None:
            most = alpha / (output.shape[1] * output.shape[2]) ** 0.5
        else:
            lengths = begins.diff()
            most = (alpha / (lengths * output.shape[2]).sqrt()).repeat_interleave(lengths)[:, None].to(output)
        return output + torch.empty_like(output).uniform_(-1, 1) * most

    embeddings.register_forward_hook(hook)
