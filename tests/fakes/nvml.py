"""The stand-in NVML of ``nvml.c``, built with the C compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("nvml.c")


def build(folder: Path) -> Path:
    """``libnvidia-ml.so.1`` in ``folder``, which is returned; skips the test where there is no C compiler."""
    if not shutil.which("cc"):
        pytest.skip("the stand-in NVML is C, and there is no compiler (cc)")
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / "libnvidia-ml.so.1"
    if not library.exists():
        subprocess.run(["cc", "-O1", "-Wall", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
    return folder


def environment(folder: Path, **settings: object) -> dict[str, str]:
    """The environment of a program that finds it; ``settings`` as ``nvml.c`` lists them: ``NVML_GPUS=8``."""
    return {**os.environ, "LD_LIBRARY_PATH": str(folder), **{k: str(v) for k, v in settings.items()}}
