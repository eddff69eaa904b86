"""The cells of the notebook: what each says, and the Python it runs. ``@NAME@`` is filled in by ``write``.

The code needs nothing but the standard library and our own command, and each cell can be run again at any time.
"""

from __future__ import annotations

from tarot_tui.locale import N_

#: (title and explanation, code): one Markdown and one code cell each.
CELLS: tuple[tuple[str, str], ...] = (
    (
        N_(
            "## 1. Where the work lives\n\nOn Google Drive (Colab), in /kaggle/working (Kaggle), or beside the notebook. "
            "Checkpoints are saved there, so a disconnect costs little: run all cells again, and the training goes on."
        ),
        """\
import os, pathlib, subprocess, sys

try:
    from google.colab import drive
    drive.mount("/content/drive")
    ROOT = pathlib.Path("/content/drive/MyDrive/tarot-tui")
except ImportError:
    ROOT = pathlib.Path("/kaggle/working" if os.path.isdir("/kaggle/working") else ".").resolve() / "tarot-tui"
PROJECT = ROOT / "@PROJECT@"
PROJECT.mkdir(parents=True, exist_ok=True)
print(PROJECT)""",
    ),
    (
        N_("## 2. tarot-tui itself\n\nPyTorch is taken as it is here: it fits this machine's GPU."),
        """\
import base64, importlib.metadata, importlib.util

def pip(*arguments):
    # Whatever else happens, the PyTorch that is here stays: another build may not fit the driver.
    keep = ROOT / "constraints.txt"
    installed = importlib.util.find_spec("torch")
    keep.write_text(f"torch=={importlib.metadata.version('torch')}\\n" if installed else "")
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "-c", str(keep), *arguments], check=True)

try:
    here = importlib.metadata.version("tarot-tui") == "@VERSION@"
except importlib.metadata.PackageNotFoundError:
    here = False
if not here:
    WHEEL = "@WHEEL@"
    if WHEEL:
        path = ROOT / "@WHEEL_NAME@"
        path.write_bytes(base64.b64decode(WHEEL))
        pip(f"tarot-tui[train,export,chat] @ {path.as_uri()}")
    else:
        pip("tarot-tui[train,export,chat]==@VERSION@")""",
    ),
    (
        N_("## 3. The recipe and its data\n\nAs they were when this notebook was written."),
        """\
import io, zipfile

DATA = "@DATA@"
with zipfile.ZipFile(io.BytesIO(base64.b64decode(DATA))) as archive:
    for name in archive.namelist():
        if not (PROJECT / name).exists():
            archive.extract(name, PROJECT)

def tarot(*words, check=True):
    command = [sys.executable, "-m", "tarot_tui", *words]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in process.stdout:
        print(line, end="")
    if process.wait() and check:
        raise SystemExit(f"tarot-tui {words[0]}: exit code {process.returncode}")
    return process.returncode""",
    ),
    (
        N_("## 4. What it will really do\n\nSteps, length, memory, time. Nothing is trained yet."),
        """\
tarot("train", "@RECIPE@", "--dry-run")""",
    ),
    (
        N_(
            "## 5. Train, or go on\n\nAfter a disconnect this finds the run on the drive and goes on from its last "
            "checkpoint."
        ),
        """\
import json

def runs():
    command = [sys.executable, "-m", "tarot_tui", "runs", "--json"]
    return json.loads(subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout)

mine = [run for run in runs() if run["kind"] == "train"]
if mine and mine[-1]["state"] in ("lost", "stopped", "failed"):
    tarot("resume", mine[-1]["name"])
elif not mine:
    tarot("train", "@RECIPE@")
import time
while (state := [run for run in runs() if run["kind"] == "train"][-1])["state"] in ("starting", "running", "stopping"):
    print(f"\\r{state['step'] or 0}/{state['total'] or '?'}", end="", flush=True)
    time.sleep(2)
print()
if state["state"] != "finished":
    raise SystemExit(f"{state['name']}: {state['state']}. {state['reason']}")""",
    ),
    (
        N_(
            "## 6. A file for Ollama and llama.cpp\n\nIt lies in models/@MODEL@ on the drive; download it from there."
        ),
        """\
tarot("export", state["name"], "-o", "@MODEL@", "--replace"@QUANT@)
print(*sorted((PROJECT / "models" / "@MODEL@").iterdir()), sep="\\n")""",
    ),
    (
        N_("## 7. Ask it"),
        """\
tarot("chat", "@MODEL@", "--local", "--temperature", "0", "--num-predict", "80", "--prompt", "@QUESTION@")""",
    ),
    (
        N_(
            "## 8. Publish it on the Hugging Face hub, if you like\n\nWrite OWNER/NAME below, and give a token with the "
            "right to write: in Colab under the key symbol as HF_TOKEN, in Kaggle under Add-ons > Secrets. The "
            "repository is private."
        ),
        """\
REPOSITORY = ""  # such as "me/@MODEL@"

if REPOSITORY:
    if "HF_TOKEN" not in os.environ:
        try:
            from google.colab import userdata
            os.environ["HF_TOKEN"] = userdata.get("HF_TOKEN")
        except ImportError:
            from kaggle_secrets import UserSecretsClient
            os.environ["HF_TOKEN"] = UserSecretsClient().get_secret("HF_TOKEN")
    tarot("publish", "@MODEL@", "--to", f"hub:{REPOSITORY}", "--yes")
else:
    print("REPOSITORY is empty: nothing is published.")""",
    ),
)

TITLE = N_(
    "# {name}\n\nTrains the recipe `{recipe}` on a GPU of Colab or Kaggle, exactly as `tarot-tui train {recipe}` would. "
    "Choose a GPU first (Runtime > Change runtime type), then run all cells; run them all again after a disconnect.\n\n"
    "The data of the recipe is inside this file: share it only with those who may read it."
)
