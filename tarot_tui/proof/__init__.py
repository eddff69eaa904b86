"""The evidence that what is served is what was trained: prompts, tokens, probabilities, answers."""
