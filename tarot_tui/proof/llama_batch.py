"""llama.cpp in a process of its own, for one batch of work: ``python -m tarot_tui.proof.llama_batch GGUF REQUEST ANSWER``.

REQUEST (JSON file): ``texts`` to tokenise, ``conversations`` (messages) to render, ``samples`` (``tokens``, ``start``) whose
tokens from ``start`` on are predicted, ``questions`` (messages) to answer greedily, ``num_ctx``, ``num_predict``, ``top``.
ANSWER (JSON file): ``tokens``, ``prompts``, ``positions`` (per sample a list of {id: logprob}), ``answers``, in the same
order. Standard output: one line ``{"done": n, "total": m}`` after each piece of work.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main(gguf: str, request: str, answer: str) -> None:
    """Do the batch."""
    gguf, answer = os.path.abspath(gguf), os.path.abspath(answer)
    wanted = json.loads(Path(request).read_text("utf-8"))
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what llama.cpp prints goes to standard error
    total = sum(len(wanted[key]) for key in ("texts", "conversations", "questions"))
    total += sum(len(one["tokens"]) - one["start"] for one in wanted["samples"])
    done = 0

    def tell() -> None:
        nonlocal done
        done += 1
        print(json.dumps({"done": done, "total": total}), file=out, flush=True)

    # A socket file that only we can reach: llama.cpp's server insists on listening. Relative, since such paths are short.
    with tempfile.TemporaryDirectory(prefix="tarot-tui-") as folder:
        os.chdir(folder)
        server = _load(gguf, wanted["num_ctx"])
        found = {
            "tokens": [_tokens(folder, text, tell) for text in wanted["texts"]],
            "prompts": [_prompt(folder, messages, tell) for messages in wanted["conversations"]],
            "positions": [_positions(server, one, wanted["top"], tell) for one in wanted["samples"]],
            "answers": [_answer(server, one, wanted["num_predict"], tell) for one in wanted["questions"]],
        }
        os.chdir("/")
    part = Path(f"{answer}.part")
    part.write_text(json.dumps(found), "utf-8")
    os.replace(part, answer)
    # llama.cpp's own tidying up takes time and may crash; all is said.
    os._exit(0)


def _load(gguf: str, num_ctx: int) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = gguf
    params.n_ctx = num_ctx
    params.n_parallel = 1
    params.warmup = False
    params.ui = False
    params.verbosity = 1  # errors only
    params.force_pure_content_parser = True
    params.reasoning_format = xllamacpp.common_reasoning_format.COMMON_REASONING_FORMAT_NONE
    params.hostnames = ["llama.sock"]
    return xllamacpp.Server(params)


def _post(folder: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    import httpx

    with httpx.Client(transport=httpx.HTTPTransport(uds=f"{folder}/llama.sock"), timeout=None) as client:
        return client.post(f"http://llama{path}", json=body).raise_for_status().json()


def _tokens(folder: str, text: str, tell: Callable[[], None]) -> list[int]:
    # As Ollama tokenises a prompt: control tokens are read as such wherever they stand.
    said = _post(folder, "/tokenize", {"content": text, "add_special": False, "parse_special": True})
    tell()
    return said["tokens"]


def _prompt(folder: str, messages: list[dict[str, str]], tell: Callable[[], None]) -> str:
    said = _post(folder, "/apply-template", {"messages": messages})
    tell()
    return said["prompt"]


def _positions(
    server: Any, sample: dict[str, Any], top: int, tell: Callable[[], None]
) -> list[dict[int, float]]:
    found = []
    for place in range(sample["start"], len(sample["tokens"])):
        said = _complete(server, {"prompt": sample["tokens"][:place], "n_predict": 1, "n_probs": top})
        (content,) = said["choices"][0]["logprobs"]["content"]
        found.append({one["id"]: one["logprob"] for one in content["top_logprobs"]})
        tell()
    return found


def _complete(server: Any, request: dict[str, Any]) -> dict[str, Any]:
    chunks: list[dict[str, Any]] = []
    # The probabilities as the model gives them, before any sampler.
    whole = {"temperature": 0, "cache_prompt": True, "post_sampling_probs": False, **request}
    server.handle_completions(whole, lambda chunk: chunks.append(chunk))
    if "error" in chunks[0]:
        raise RuntimeError(str(chunks[0]["error"].get("message")))
    return chunks[0]


def _answer(server: Any, messages: list[dict[str, str]], num_predict: int, tell: Callable[[], None]) -> str:
    chunks: list[dict[str, Any]] = []
    request = {"messages": messages, "temperature": 0, "max_tokens": num_predict, "stream": False}
    server.handle_chat_completions(request, lambda chunk: chunks.append(chunk))
    tell()
    if "error" in chunks[0]:
        raise RuntimeError(str(chunks[0]["error"].get("message")))
    return chunks[0]["choices"][0]["message"]["content"] or ""


if __name__ == "__main__":
    main(*sys.argv[1:4])
