"""Texts as people paste them into forums: each is recognised, explained, and comes with a fix."""

from __future__ import annotations

import io
import json

import pytest

from tarot_tui.cli import main
from tarot_tui.doctor import known
from tarot_tui.findings import Finding

PASTED = [
    ("driver.mismatch", "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 535.161"),
    ("driver.not_loaded", "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running."),
    ("driver.not_loaded", "RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU"),
    ("driver.not_loaded", "nvidia-container-cli: initialization error: nvml error: driver not loaded: unknown."),
    ("driver.too_old", "UserWarning: CUDA initialization: The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver"),
    ("driver.too_old", "CUDA driver version is insufficient for CUDA runtime version"),
    ("driver.fabric", "Unexpected error from cudaGetDeviceCount(). Error 802: system not yet initialized"),
    ("driver.clash", "Unexpected error from cudaGetDeviceCount(). Error 803: system has unsupported display driver / cuda driver combination"),
    ("driver.container", "Failed to initialize NVML: Unknown Error"),
    ("driver.permission", "Failed to initialize NVML: Insufficient Permissions"),
    ("gpu.ecc", "RuntimeError: CUDA error: uncorrectable ECC error encountered"),
    ("gpu.lost", "NVRM: Xid (PCI:0000:41:00): 79, pid=1234, GPU has fallen off the bus."),
    ("cuda.unknown", "CUDA initialization: CUDA unknown error - this may be due to an incorrectly set up environment, e.g. changing env variable CUDA_VISIBLE_DEVICES after program start."),
    ("docker.no_toolkit", 'docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]].'),
    ("docker.no_toolkit", "Error response from daemon: unknown runtime specified nvidia"),
    ("docker.permission", "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock"),
    ("docker.shm", "RuntimeError: DataLoader worker (pid 77) is killed by signal: Bus error. It is possible that dataloader's workers are out of shared memory."),
    ("torch.cpu_build", "AssertionError: Torch not compiled with CUDA enabled"),
    ("torch.arch", "NVIDIA GeForce RTX 5090 with CUDA capability sm_120 is not compatible with the current PyTorch installation."),
    ("torch.arch", "RuntimeError: CUDA error: no kernel image is available for execution on the device"),
    ("torch.jitlink", "ImportError: /x/libcusparse.so.12: undefined symbol: __nvJitLinkComplete_12_4, version libnvJitLink.so.12"),
    ("torch.library", "OSError: libcudart.so.11.0: cannot open shared object file: No such file or directory"),
    ("torch.library", "ImportError: libcudnn.so.9: cannot open shared object file: No such file or directory"),
    ("torch.visible", "RuntimeError: No CUDA GPUs are available"),
    ("torch.bf16", "ValueError: Your setup doesn't support bf16/gpu. You need torch>=1.10, using Ampere GPU with cuda>=11.0"),
    ("torch.hip", '"hipErrorNoBinaryForGpu: Unable to find code object for all current devices!"'),
    ("torch.mps", "RuntimeError: MPS backend out of memory (MPS allocated: 18.11 GB)"),
    ("bitsandbytes.triton", "ModuleNotFoundError: No module named 'triton.ops'"),
    ("bitsandbytes.binary", "RuntimeError: CUDA Setup failed despite GPU being available. Please run the following command to get more information: python -m bitsandbytes"),
    ("bitsandbytes.binary", "Could not find the bitsandbytes CUDA binary at PosixPath('/x/bitsandbytes/libbitsandbytes_cuda125.so')"),
    ("bitsandbytes.cpu", "UserWarning: The installed version of bitsandbytes was compiled without GPU support. 8-bit optimizers, 8-bit multiplication, and GPU quantization are unavailable."),
    ("bitsandbytes.cpu", "AttributeError: 'NoneType' object has no attribute 'cget_managed_ptr'"),
    ("bitsandbytes.missing", "ImportError: Using `bitsandbytes` 4-bit quantization requires the latest version of bitsandbytes: `pip install -U bitsandbytes`"),
    ("build.no_compiler", "RuntimeError: Failed to find C compiler. Please specify via CC environment variable."),
    ("build.no_headers", "/tmp/tmp3/main.c:4:10: fatal error: Python.h: No such file or directory"),
    ("build.no_nvcc", "OSError: CUDA_HOME environment variable is not set. Please set it to your CUDA install root."),
    ("build.cuda_mismatch", "deepspeed.ops.op_builder.builder.CUDAMismatchException: >- DeepSpeed Op Builder: Installed CUDA version 12.2 does not match the version torch was compiled with 12.4"),
    ("flash.abi", "ImportError: /x/flash_attn_2_cuda.cpython-311-x86_64-linux-gnu.so: undefined symbol: _ZN3c104cuda9SetDeviceEi"),
    ("flash.old_gpu", "RuntimeError: FlashAttention only supports Ampere GPUs or newer."),
    ("flash.missing", "ImportError: FlashAttention2 has been toggled on, but it cannot be used due to the following error: the package flash_attn seems to be not installed."),
    ("build.ninja", "ninja: build stopped: subcommand failed."),
    ("system.glibc", "ImportError: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.34' not found"),
    ("system.libstdcxx", "ImportError: /opt/conda/lib/libstdc++.so.6: version `GLIBCXX_3.4.30' not found"),
    ("system.cpu", "Illegal instruction (core dumped)"),
    ("system.files", "OSError: [Errno 24] Too many open files: '/x/arrow'"),
    ("system.threads", "RuntimeError: can't start new thread"),
    ("system.locale", "UnicodeEncodeError: 'ascii' codec can't encode characters in position 0-3"),
    ("system.python_modules", "ModuleNotFoundError: No module named '_lzma'"),
    ("pip.managed", "error: externally-managed-environment"),
    ("pip.no_torch", "ERROR: No matching distribution found for torch"),
    ("pip.permission", "ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/usr/lib/python3'"),
    ("pip.certificate", "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"),
    ("pip.proxy", "ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 403 Forbidden'))"),
    ("pip.command", "bash: tarot-tui: command not found"),
    ("packages.numpy", "A module that was compiled using NumPy 1.x cannot be run in NumPy 2.0.1 as it may crash."),
    ("packages.transformers", "ImportError: cannot import name 'EncoderDecoderCache' from 'transformers' (/x/__init__.py)"),
    ("packages.accelerate", "ImportError: Using `low_cpu_mem_usage=True` or a `device_map` requires Accelerate: `pip install 'accelerate>=0.26.0'`"),
    ("packages.tokenizer", "ValueError: Couldn't instantiate the backend tokenizer from one of: (1) a `tokenizers` library serialization file"),
    ("packages.architecture", "The checkpoint you are trying to load has model type `qwen3` but Transformers does not recognize this architecture."),
    ("hub.gated", "OSError: You are trying to access a gated repo.\nCannot access gated repo for url https://huggingface.co/meta-llama/x"),
    ("hub.token", "huggingface_hub.errors.HfHubHTTPError: Invalid user token."),
    ("hub.unreachable", "OSError: We couldn't connect to 'https://huggingface.co' to load the files"),
    ("disk.full", "OSError: [Errno 28] No space left on device"),
    ("nccl.shm", "NCCL WARN Error while creating shared memory segment /dev/shm/nccl-1 (size 9637888)"),
    ("nccl.system", "torch.distributed.DistBackendError: NCCL error in: x.cpp:94, unhandled system error, NCCL version 2.21.5"),
    ("ollama.absent", "Error: could not connect to ollama app, is it running?"),
    ("ollama.runner", "Error: llama runner process has terminated: signal: killed"),
    ("ollama.architecture", "error loading model architecture: unknown model architecture: 'qwen3moe'"),
]  # fmt: skip


@pytest.mark.parametrize(("id", "text"), PASTED)
def test_a_pasted_error_is_explained(id, text):
    found = known.explain(f"Traceback (most recent call last):\n  File x\n{text}\n")
    assert [finding.id for finding in found][:1] == [id]
    assert found[0].text and found[0].evidence
    assert found[0].fix or id in ("torch.mps", "build.ninja")


def test_there_are_as_many_situations_as_we_promise():
    assert len(PASTED) >= 60 and {id for id, _text in PASTED} >= {one.id for one in known.KNOWN} - {
        "nccl.p2p"
    }


def test_what_is_not_known_is_not_guessed():
    assert known.explain("ValueError: lora_rank must be positive\nloss 2.3") == []


def test_the_cause_comes_before_what_follows_from_it():
    text = "no kernel image is available\nFailed to initialize NVML: Driver/library version mismatch"
    assert known.explain(text)[0].id == "driver.mismatch"


def test_escape_sequences_in_what_is_pasted_are_not_shown():
    (found,) = known.explain("\x1b[31mTorch not compiled with CUDA enabled\x1b]0;evil\x07")
    assert "\x1b" not in found.evidence


def test_a_long_paste_costs_little():
    known.explain("NCCL " * 200_000)


def test_evidence_makes_a_finding_of_the_checks_sharper():
    vague = Finding(
        "bitsandbytes.broken", "error", "It does not work.", "No module named 'triton.ops'", "pip install x"
    )
    sharp = known.sharpen(vague)
    assert "too old" in sharp.text and "--upgrade bitsandbytes" in sharp.fix
    fine = Finding("bitsandbytes", "ok", "It works.", "No module named 'triton.ops'")
    assert known.sharpen(fine) is fine


def test_the_command_reads_a_file_or_what_is_pasted(tmp_path, capsys, monkeypatch):
    log = tmp_path / "log.txt"
    log.write_bytes(b"\xff\xfe noise\n" * 200_000 + b"AssertionError: Torch not compiled with CUDA enabled\n")
    assert main(["doctor", "--explain", str(log)]) == 0
    assert "CPU build" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO("all is well"))
    assert main(["doctor", "--explain", "-"]) == 0
    assert "Nothing in it is known" in capsys.readouterr().out
    assert main(["doctor", "--explain", str(tmp_path / "none"), "--json"]) == 2
    assert main(["doctor", "--explain", str(log), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["id"] == "torch.cpu_build"
