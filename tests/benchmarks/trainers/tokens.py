"""Rows of tokens as a dataset that LLaMA-Factory loads by ``tokenized_path``: ``tokens.py ROWS.json FOLDER``."""

import json
import sys
from pathlib import Path

from datasets import Dataset, DatasetDict

DatasetDict({"train": Dataset.from_list(json.loads(Path(sys.argv[1]).read_text()))}).save_to_disk(sys.argv[2])
