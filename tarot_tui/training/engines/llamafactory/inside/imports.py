"""Import LLaMA-Factory's trainer, which checks the versions around it, and print what it would train on, as JSON."""

import json


def main() -> None:
    """Print one object: ``device``, and how many ``gpus`` there are."""
    import torch
    from llamafactory.train.tuner import run_exp

    assert callable(run_exp)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    print(json.dumps({"device": torch.cuda.get_device_name(0) if count else "CPU", "gpus": count}))


if __name__ == "__main__":
    main()
