"""Print the versions of LLaMA-Factory and of what it trains with, as JSON. Standard library only."""

import json
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "llamafactory", "torch", "transformers", "peft", "trl", "datasets", "accelerate", "bitsandbytes", "deepspeed",
    "liger-kernel", "flash-attn", "matplotlib", "tensorboard", "wandb", "trackio",
)  # fmt: skip


def main() -> None:
    """Print one object: name → version, without what is not installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    print(json.dumps(found))


if __name__ == "__main__":
    main()
