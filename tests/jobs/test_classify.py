"""How workers end, in the words of the libraries themselves (torch 2.13, transformers 5.23, accelerate 1.15)."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tarot_tui.jobs.classify import SIGNATURES, Ending, Verdict, classify
from tarot_tui.jobs.python_error import own_error


def traceback(error: str) -> list[str]:
    """A log that ends with ``error``, raised in ``train.py``, line 12."""
    return [
        "loading",
        "Traceback (most recent call last):",
        '  File "/home/me/train.py", line 12, in <module>',
        "    main()",
        "    ^^^^^^",
        *error.split("\n"),
    ]


ERRORS = {
    "cuda_oom": [
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.69 GiB of"
        " which 1.31 GiB is free.",
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 23.69 GiB total capacity)",
        "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "torch.OutOfMemoryError: HIP out of memory. Tried to allocate 512.00 MiB.",
    ],
    "host_oom": [
        "MemoryError",
        "RuntimeError: [enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to"
        " allocate 4503599627370496 bytes. Error code 12 (Cannot allocate memory)",
        "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 8.00 PiB for an array with shape (1125899906842624,)",
        "OSError: [Errno 12] Cannot allocate memory",
    ],
    "disk_full": [
        "OSError: [Errno 28] No space left on device",
        "safetensors._safetensors_rust.SafetensorError: Error while serializing: I/O error: No space left on device (os error 28)",
        "RuntimeError: [enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534",
        "OSError: [Errno 122] Disk quota exceeded: 'checkpoint-10'",
    ],
    "nan": ["FloatingPointError: loss is nan at step 12", "ValueError: loss became inf"],
    "gated": [
        "OSError: You are trying to access a gated repo.\nMake sure to have access to it at"
        " https://huggingface.co/meta-llama/Llama-3.2-1B.\n403 Client Error. (Request ID: x)\n\nCannot access gated repo for url"
        " https://huggingface.co/x.\nAccess to model meta-llama/Llama-3.2-1B is restricted and you are not in the authorized list.",
    ],
    "model_not_found": [
        "OSError: Repo id must be in the form 'repo_name' or 'namespace/repo_name': '/nowhere/at all'. Use `repo_type` argument"
        " if needed.",
        "OSError: nobody/nothing is not a local folder and is not a valid model identifier listed on"
        " 'https://huggingface.co/models'",
        "ValueError: Unrecognized model in e. Should have a `model_type` key in its config.json.",
        "huggingface_hub.errors.RepositoryNotFoundError: 404 Client Error.",
        "OSError: Can't load the configuration of 'x'. If you were trying to load it from 'https://huggingface.co/models', make"
        " sure you don't have a local directory with the same name.",
    ],
    "hub_unreachable": [
        "OSError: We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them in the cached files.",
        "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find an appropriate cached snapshot folder for the specified"
        " revision on the local disk and outgoing traffic has been disabled.",
        "httpx.ConnectError: [Errno -3] Temporary failure in name resolution",
    ],
    "port_in_use": [
        "torch.distributed.DistNetworkError: The server socket has failed to listen on any local network address. port: 29777,"
        " useIpv6: false, code: -98, name: EADDRINUSE, message: address already in use",
        "OSError: [Errno 98] Address already in use",
    ],
    "collective_timeout": [
        "RuntimeError: [/__w/pytorch/pytorch/third_party/gloo/gloo/transport/tcp/unbound_buffer.cc:78] Timed out waiting 4000ms"
        " for recv operation to complete",
        "torch.distributed.DistBackendError: [Rank 0] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=12,"
        " OpType=ALLREDUCE, NumelIn=1, NumelOut=1, Timeout(ms)=600000) ran for 600029 milliseconds before timing out.",
    ],
    "collective_error": [
        "torch.distributed.DistBackendError: NCCL error in: /pytorch/torch/csrc/distributed/c10d/ProcessGroupNCCL.cpp:94,"
        " unhandled cuda error",
        "RuntimeError: [/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:2000",
    ],
    "cuda_error": [
        "RuntimeError: CUDA error: device-side assert triggered",
        "RuntimeError: CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`",
    ],
    "other_versions": [
        "ImportError: transformers>=4.55.0,<=5.6.0 is required for a normal functioning of this module, but found transformers==5.23.0.",
        "ValueError: Some keys are not used by the HfArgumentParser: ['group_by_length']",
    ],
    "unknown_model_type": [
        "ValueError: The checkpoint you are trying to load has model type `qwen9` but Transformers does not recognize this architecture."
    ],
    "missing_package": ["ModuleNotFoundError: No module named 'bitsandbytes'"],
}


@pytest.mark.parametrize(("cause", "error"), [(cause, one) for cause, them in ERRORS.items() for one in them])
def test_an_error_of_a_library_is_recognised(cause, error):
    verdict = classify(Ending(exit_code=1, log=traceback(error)))
    assert (verdict.state, verdict.cause) == ("failed", cause)
    assert verdict.reason.endswith(".") and "{" not in verdict.reason


def test_every_signature_has_an_error_text_of_its_own():
    assert {cause for cause, _pattern, _sentence in SIGNATURES} == set(ERRORS)


def test_a_missing_package_is_named():
    assert (
        "'bitsandbytes'" in classify(Ending(exit_code=1, log=traceback(ERRORS["missing_package"][0]))).reason
    )


def test_words_of_the_training_data_are_no_error():
    log = ["sample 3: CUDA out of memory, No space left on device", *traceback("KeyError: 'output'")]
    verdict = classify(Ending(exit_code=1, log=log))
    assert verdict.cause == "python_error"
    assert verdict.reason.startswith("KeyError: 'output' (in train.py:12;")


def test_the_error_below_a_launcher_is_the_one_that_counts(tmp_path):
    (tmp_path / "boom.py").write_text("raise ValueError('below\\nsecond line')")
    (tmp_path / "launcher.py").write_text(
        "import subprocess, sys; subprocess.run([sys.executable, 'boom.py'], check=True)"
    )
    done = subprocess.run([sys.executable, "launcher.py"], cwd=tmp_path, capture_output=True, text=True)
    assert "CalledProcessError" in done.stderr
    error = own_error(done.stderr.splitlines())
    assert (error.name, error.message, error.place) == ("ValueError", "below", "boom.py:1")


def test_of_chained_errors_the_last_counts():
    log = [
        *traceback("KeyError: 1"),
        "",
        "During handling of the above exception, another exception occurred:",
        "",
        *traceback("module.Broken: no deck")[1:],
    ]
    assert own_error(log).name == "Broken"


TORCHRUN = """\
E1124 08:56:34.501000 20810 torch/distributed/elastic/multiprocessing/api.py:1002] failed (exitcode: -9) local_rank: 1 (pid: 20813)
Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/torch/distributed/launcher/api.py", line 383, in launch_agent
    raise ChildFailedError(
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:\x20
======================================================
boom.py FAILED
------------------------------------------------------
Failures:
[1]:
  time      : 2026-11-24_08:56:34
  host      : localhost
  rank      : 0 (local_rank: 0)
  exitcode  : -15 (pid: 20812)  (SIGTERM)
  error_file: <N/A>
  traceback : Signal 15 (SIGTERM) received by PID 20812
------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-11-24_08:56:34
  host      : localhost
  rank      : 1 (local_rank: 1)
  exitcode  : -9 (pid: 20813)  (SIGKILL)
  error_file: <N/A>
  traceback : Signal 9 (SIGKILL) received by PID 20813
======================================================"""


def test_the_rank_that_fell_first_is_named():
    verdict = classify(Ending(exit_code=1, log=TORCHRUN.splitlines()))
    assert verdict.cause == "killed"
    assert "ank 1" in verdict.reason and "signal 9" in verdict.reason


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (Ending(signal=9), "signal 9"),
        (Ending(exit_code=137), "signal 9"),
        (Ending(signal=11, log=["Fatal Python error: Segmentation fault"]), "SIGSEGV"),
        (Ending(signal=15), "from outside"),
        (
            Ending(
                exit_code=1,
                log=traceback(
                    "subprocess.CalledProcessError: Command '['x']' died with <Signals.SIGKILL: 9>."
                ),
            ),
            "signal 9",
        ),
    ],
)
def test_a_signal_is_named(ending, words):
    verdict = classify(ending)
    assert (verdict.state, verdict.cause) == ("failed", "killed")
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("ending", "state", "cause"),
    [
        (Ending(exit_code=0, step=10, total=10), "finished", ""),
        (Ending(exit_code=0), "finished", ""),
        (Ending(exit_code=0, step=9, total=10), "failed", "incomplete"),
        (Ending(exit_code=0, step=9, total=10, result={"outcome": "stopped"}), "stopped", "stopped"),
        (Ending(exit_code=0, step=9, total=10, asked="stop"), "stopped", "stopped"),
        (Ending(exit_code=1, result={"outcome": "finished"}), "finished", ""),
        (
            Ending(exit_code=0, result={"outcome": "finished", "reason": "Early."}, total=9),
            "finished",
            "early",
        ),
        (Ending(signal=9, asked="stop", forced=True), "stopped", "forced"),
        (
            Ending(exit_code=1, asked="stop", log=traceback("OSError: [Errno 28] No space left")),
            "failed",
            "disk_full",
        ),
        (Ending(exit_code=5, log=["usage: x"], disk_free=10**9), "failed", "exit_code"),
        (Ending(exit_code=1, log=["step 3"], disk_free=0), "failed", "disk_full"),
        (Ending(), "failed", "unknown"),
    ],
)
def test_finished_is_only_what_is_done(ending, state, cause):
    verdict = classify(ending)
    assert (verdict.state, verdict.cause) == (state, cause)
    assert (verdict.reason == "") == (state == "finished" and not cause)


def test_escape_sequences_in_an_error_do_not_reach_the_reason():
    verdict = classify(Ending(exit_code=1, log=traceback("ValueError: \x1b[31mred\x1b]0;x\x07")))
    assert "\x1b" not in verdict.reason and "red" in verdict.reason


def test_the_sentence_of_a_worker_of_ours_is_the_reason_and_the_cause_is_still_known():
    said = "The disk is full (No space left on device): make room and export again."
    verdict = classify(Ending(exit_code=1, log=[said], result={"outcome": "failed", "reason": said}))
    assert verdict == Verdict("failed", "disk_full", said)
    refused = "The base is quantised."
    verdict = classify(
        Ending(exit_code=3, log=["…", refused], result={"outcome": "failed", "reason": refused})
    )
    assert verdict == Verdict("failed", "exit_code", refused)
