"""LLaMA-Factory's training loop with a clock: ``factory.py ARGUMENTS.json``."""

import json
import sys
from pathlib import Path


def main():
    from clock import Clock
    from llamafactory.train.tuner import run_exp

    run_exp(json.loads(Path(sys.argv[1]).read_text()), callbacks=[Clock()])


main()
