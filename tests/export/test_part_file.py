"""A part is taken up behind the last tensor that is whole on the disk, whatever ended its process."""

from __future__ import annotations

import hashlib
import random

import pytest

from tarot_tui.export.part_file import PartFile, part_of, present

HEAD = b"head" * 40
TENSORS = [bytes([number]) * (1000 + number) for number in range(1, 9)]
WHOLE = HEAD + b"".join(TENSORS)


def begun(path, key: str = "key", head: bytes = HEAD) -> PartFile:
    file = PartFile(path)
    file.begin(head, key)
    return file


def write(file: PartFile, until: int) -> None:
    for tensor in TENSORS[file.done : until]:
        file.write(tensor)
        file.tensor_done()


def abandoned(path, tensors: int = 5):
    """A part whose process ended behind so many tensors and a piece of the next; its journal too."""
    file = begun(path)
    write(file, tensors)
    file.write(b"half a tensor")
    file.close()
    return part_of(path)


def test_what_is_finished_is_taken_up(tmp_path):
    path = tmp_path / "x.gguf"
    abandoned(path)
    assert present(path) > 0 and not path.exists()
    file = begun(path)
    assert file.done == 5 and file.position == len(HEAD) + sum(map(len, TENSORS[:5]))
    write(file, len(TENSORS))
    file.finish()
    assert path.read_bytes() == WHOLE and file.hash.hexdigest() == hashlib.sha256(WHOLE).hexdigest()
    file.forget()
    assert [one.name for one in tmp_path.iterdir()] == ["x.gguf"] and present(path) == 0


@pytest.mark.parametrize("change", [{"key": "other"}, {"head": HEAD + b"!"}, {"head": HEAD[1:]}])
def test_nothing_is_kept_of_another_content(tmp_path, change):
    abandoned(tmp_path / "x.gguf")
    file = begun(tmp_path / "x.gguf", **change)
    assert file.done == 0 and file.position == len(change.get("head", HEAD))
    file.close()
    assert part_of(tmp_path / "x.gguf")[0].read_bytes() == change.get("head", HEAD)


def test_after_any_damage_to_part_and_journal_the_file_comes_out_right(tmp_path):
    chance = random.Random(7)
    path = tmp_path / "x.gguf"
    for _ in range(60):
        for one in abandoned(path):
            data = bytearray(one.read_bytes())
            place = chance.randrange(len(data))
            match chance.randrange(4):
                case 0:
                    data[place] ^= 1 + chance.randrange(255)
                case 1:
                    del data[place:]
                case 2:
                    data += bytes(chance.randrange(5000))  # what a power cut leaves: length without content
            one.write_bytes(data)
        file = begun(path)
        write(file, len(TENSORS))
        file.finish()
        assert path.read_bytes() == WHOLE and file.hash.hexdigest() == hashlib.sha256(WHOLE).hexdigest()
        file.forget()
        path.unlink()


def test_a_file_that_was_named_but_never_reported_is_not_made_again(tmp_path):
    file = begun(tmp_path / "x.gguf")
    write(file, len(TENSORS))
    file.finish()
    file = begun(tmp_path / "x.gguf")
    assert file.done == len(TENSORS)
    file.finish()
    assert (tmp_path / "x.gguf").read_bytes() == WHOLE
