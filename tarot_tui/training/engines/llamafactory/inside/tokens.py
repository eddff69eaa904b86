"""Turn the tokens that our side has written into what LLaMA-Factory loads by ``tokenized_path``: ``tokens.py FROM TO``."""

import json
import sys
from pathlib import Path


def main(source: Path, target: Path) -> None:
    """Write the splits of ``source`` (``<split>.ids``, ``.labels``, ``.masks``, ``.lengths``: int32 in a row) as one dataset."""
    import numpy
    from datasets import Dataset, DatasetDict

    def read(split: str, kind: str) -> numpy.ndarray:
        return numpy.fromfile(source / f"{split}.{kind}", dtype=numpy.int32)

    splits = {}
    for split in ("train", "validation"):
        if not (source / f"{split}.lengths").exists():
            continue
        ends = numpy.cumsum(read(split, "lengths"))[:-1]
        columns = {"input_ids": "ids", "attention_mask": "masks", "labels": "labels"}
        splits[split] = Dataset.from_dict(
            {name: numpy.split(read(split, kind), ends) for name, kind in columns.items()}
        )
    DatasetDict(splits).save_to_disk(str(target))
    print(json.dumps({name: len(found) for name, found in splits.items()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
