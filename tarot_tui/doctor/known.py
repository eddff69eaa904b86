"""Error texts that people paste into forums, and what they mean. (From the issue trackers and documentation of PyTorch,
bitsandbytes, NVIDIA's driver and container toolkit, transformers, pip, Docker, Ollama.)"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tarot_tui.doctor.fixes import pip_install
from tarot_tui.findings import Finding
from tarot_tui.locale import N_, _
from tarot_tui.text import one_line, plain


@dataclass(frozen=True)
class Known:
    """id: stable. pattern: how the error is recognised. text: what it means, and why. fix: commands, or empty.

    In fixes ``{torch}`` stands for the installation of the PyTorch that fits this machine, ``{pip …}`` for a
    ``pip install`` into this Python.
    """

    id: str
    pattern: str
    text: str
    fix: str = ""


#: The first that matches holds: what comes first is what makes the others happen.
KNOWN: tuple[Known, ...] = (
    # ---- the driver and its libraries
    Known("driver.mismatch", r"Driver/library version mismatch|NVML_ERROR_LIB_RM_VERSION_MISMATCH",
        N_("The NVIDIA driver was updated while the old one is still loaded: restart the machine."), "sudo reboot"),
    Known("driver.not_loaded", r"couldn't communicate with the NVIDIA driver|Found no NVIDIA driver on your system"
        r"|nvml error: driver not loaded",
        N_("The NVIDIA driver does not answer: it is not installed, or not loaded after a new kernel."),
        "sudo modprobe nvidia && nvidia-smi"),
    Known("driver.too_old", r"NVIDIA driver on your system is too old|CUDA driver version is insufficient for CUDA runtime",
        N_("The NVIDIA driver is too old for this PyTorch: take the PyTorch that fits it, or update the driver."), "{torch}"),
    Known("driver.fabric", r"Error 802: system not yet initialized|system not yet initialized",
        N_("GPUs that are joined by NVSwitch need NVIDIA's fabric manager, and it does not run."),
        "sudo systemctl enable --now nvidia-fabricmanager"),
    Known("driver.clash", r"Error 803: system has unsupported display driver",
        N_("Another libcuda than the driver's is found first, often a 'compat' folder in LD_LIBRARY_PATH."),
        "unset LD_LIBRARY_PATH"),
    Known("driver.container", r"Failed to initialize NVML: Unknown Error",
        N_("The container has lost its GPUs, which happens when systemd reloads: start the container again."),
        "docker restart CONTAINER"),
    Known("driver.permission", r"NVML: Insufficient Permissions|NVML_ERROR_NO_PERMISSION",
        N_("You may not open the GPU's device files: your user is not in their group."),
        "sudo usermod -aG video,render $USER"),
    Known("gpu.ecc", r"uncorrectable ECC error", N_("The GPU's memory has a fault that it could not correct: reset the GPU; when it comes again, the card is broken."),
        "nvidia-smi -q -d ECC"),
    Known("gpu.lost", r"GPU has fallen off the bus|GPU is lost|Xid.{0,40}: 79\b",
        N_("The GPU is gone from the bus: power, heat or the slot. Restart the machine and look at its temperature."),
        "sudo reboot"),
    Known("cuda.unknown", r"CUDA unknown error - this may be due to an incorrectly set up environment",
        N_("CUDA does not start, often after the machine slept: load the nvidia_uvm module anew."),
        "sudo rmmod nvidia_uvm && sudo modprobe nvidia_uvm"),
    # ---- containers
    Known("docker.no_toolkit", r"could not select device driver \"\" with capabilities: \[\[gpu\]\]|unknown runtime specified nvidia",
        N_("Docker cannot hand GPUs on: NVIDIA's container toolkit is not installed or not set up."),
        "sudo apt-get install nvidia-container-toolkit && sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker"),
    Known("docker.permission", r"permission denied while trying to connect to the Docker daemon",
        N_("You may not use Docker: your user is not in its group."), "sudo usermod -aG docker $USER && newgrp docker"),
    Known("docker.shm", r"insufficient shared memory \(shm\)|killed by signal: Bus error|unable to open shared memory object",
        N_("Shared memory is full: Docker gives 64 MB, and data loaders need more."), "docker run --ipc=host …"),
    # ---- PyTorch
    Known("torch.cpu_build", r"Torch not compiled with CUDA enabled",
        N_("This PyTorch was built without CUDA: pip took the CPU build."), "{torch}"),
    Known("torch.arch", r"with CUDA capability sm_\d+ is not compatible with the current PyTorch"
        r"|no kernel image is available for execution on the device",
        N_("This PyTorch has no code for the GPU: the card is newer, or older, than the build."), "{torch}"),
    Known("torch.jitlink", r"undefined symbol: __nvJitLink|libnvJitLink\.so\.12: undefined symbol|libcusparse\.so\.12: undefined symbol",
        N_("A CUDA toolkit in LD_LIBRARY_PATH hides the CUDA libraries that PyTorch brought."), "unset LD_LIBRARY_PATH"),
    Known("torch.library", r"lib(?:cudart|cublas|cublasLt|cudnn|cusparse|nccl|cufft|curand|nvrtc)[-.\w]*\.so[.\d]*: cannot open shared object",
        N_("A CUDA library is missing: PyTorch and its libraries do not belong together."), "{torch}"),
    Known("torch.visible", r"No CUDA GPUs are available",
        N_("PyTorch sees no GPU: CUDA_VISIBLE_DEVICES hides them, the container has none, or the driver does not answer."),
        "unset CUDA_VISIBLE_DEVICES; nvidia-smi"),
    Known("torch.bf16", r"Your setup doesn't support bf16|bf16/gpu\. You need torch|BFloat16 is not supported on this device",
        N_("The GPU has no bf16 of its own: train in fp16 there."), "bf16: false"),
    Known("torch.hip", r"hipErrorNoBinaryForGpu",
        N_("ROCm has no code for this AMD card; a related one's may run."), "export HSA_OVERRIDE_GFX_VERSION=10.3.0"),
    Known("torch.mps", r"MPS backend out of memory",
        N_("Apple's GPU ran out of memory: take a smaller model; 4-bit training does not exist there.")),
    # ---- bitsandbytes
    Known("bitsandbytes.triton", r"No module named 'triton\.ops'",
        N_("This bitsandbytes is too old for the triton that PyTorch brought."), "{pip --upgrade bitsandbytes}"),
    Known("bitsandbytes.binary", r"libbitsandbytes_(?:cuda\d+|cpu|rocm\d*)\.so|Could not find the bitsandbytes CUDA binary"
        r"|CUDA Setup failed despite GPU being available",
        N_("bitsandbytes has no library for this CUDA: its version and PyTorch's do not belong together."),
        "{pip --upgrade --force-reinstall --no-deps bitsandbytes}"),
    Known("bitsandbytes.cpu", r"bitsandbytes was compiled without GPU support|has no attribute 'cget_managed_ptr'"
        r"|has no attribute 'cquantize_blockwise",
        N_("bitsandbytes could not load its GPU library; it can be imported all the same, and then fails."),
        "{pip --upgrade --force-reinstall --no-deps bitsandbytes}"),
    Known("bitsandbytes.missing", r"requires the latest version of bitsandbytes|No module named 'bitsandbytes'|No package metadata was found for bitsandbytes",
        N_("bitsandbytes is missing or too old for 4-bit training."), "{pip --upgrade bitsandbytes}"),
    # ---- compilers and attention kernels
    Known("build.no_compiler", r"Failed to find C compiler|gcc: (?:command )?not found|error: command '(?:gcc|x86_64-linux-gnu-gcc|cc)' failed: No such file",
        N_("There is no C compiler, and triton compiles its kernels when it runs."), "sudo apt-get install gcc"),
    Known("build.no_headers", r"Python\.h: No such file",
        N_("Python's headers are missing, and triton compiles against them."), "sudo apt-get install python3-dev"),
    Known("build.no_nvcc", r"CUDA_HOME environment variable is not set|nvcc: (?:command )?not found|nvcc was not found",
        N_("CUDA's compiler is missing: the package would be built here. Take one that is built already, or go without it."),
        "flash_attn: sdpa"),
    Known("build.cuda_mismatch", r"CUDAMismatchException|The detected CUDA version \([\d.]+\) mismatches|does not match the version torch was compiled with",
        N_("CUDA's compiler on this machine is of another version than PyTorch's CUDA."), "export DS_SKIP_CUDA_CHECK=1"),
    Known("flash.abi", r"flash_attn_2_cuda.{0,80}undefined symbol|flash_attn.{0,120}undefined symbol",
        N_("FlashAttention was built for another PyTorch."), "{pip --force-reinstall --no-deps --no-build-isolation flash-attn}"),
    Known("flash.old_gpu", r"FlashAttention only supports Ampere GPUs or newer",
        N_("FlashAttention needs an Ampere GPU or newer; PyTorch's own attention (sdpa) runs here."), "flash_attn: sdpa"),
    Known("flash.missing", r"FlashAttention2 has been toggled on, but it cannot be used|flash_attn seems to be not installed",
        N_("FlashAttention is asked for and not installed; PyTorch's own attention (sdpa) is nearly as fast."), "flash_attn: sdpa"),
    Known("build.ninja", r"ninja: build stopped|Ninja is required to load C\+\+ extensions",
        N_("A package is built from source and fails: take a wheel that is built already, or go without it.")),
    # ---- the system
    Known("system.glibc", r"version `GLIBC_[\d.]+' not found",
        N_("The system's C library is older than the wheel needs: a container brings its own."), "tarot-tui docker init"),
    Known("system.libstdcxx", r"version `GLIBCXX_[\d.]+' not found|version `CXXABI_[\d.]+' not found",
        N_("An older libstdc++ (often conda's) is found before the system's."), "conda install -c conda-forge libstdcxx-ng"),
    Known("system.cpu", r"Illegal instruction|the CPU does not support (?:AVX|SSE)",
        N_("The processor, or the virtual machine, lacks instructions that the wheel uses (AVX2)."), "lscpu | grep -o avx2"),
    Known("system.files", r"Too many open files",
        N_("The limit of open files is too low for data loaders."), "ulimit -n 65536"),
    Known("system.threads", r"pthread_create failed|can't start new thread|Resource temporarily unavailable.{0,40}fork",
        N_("The limit of processes is reached: other programs, or a container's pids limit."), "ulimit -u; docker update --pids-limit -1 CONTAINER"),
    Known("system.locale", r"'ascii' codec can't encode|unsupported locale setting",
        N_("The locale is not UTF-8: text outside ASCII breaks."), "export LANG=C.UTF-8 LC_ALL=C.UTF-8"),
    Known("system.python_modules", r"No module named '_(?:ctypes|lzma|bz2|sqlite3)'",
        N_("Python was built without some of its modules: install the headers and build it again, or take another Python."),
        "uv venv --python 3.12 .venv"),
    # ---- pip
    Known("pip.managed", r"externally-managed-environment",
        N_("This Python belongs to the system, which forbids pip to install into it: make an environment of your own."), "tarot-tui setup"),
    Known("pip.no_torch", r"No matching distribution found for torch\b",
        N_("There is no PyTorch for this Python: it is newer or older than PyTorch supports, or 32-bit."), "uv venv --python 3.12 .venv"),
    Known("pip.permission", r"Could not install packages due to an (?:OSError|EnvironmentError): \[Errno 13\]",
        N_("The environment is not yours to change: make one of your own."), "tarot-tui setup"),
    Known("pip.certificate", r"CERTIFICATE_VERIFY_FAILED",
        N_("The connection is opened by a proxy whose certificate is not known here."), "export REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"),
    Known("pip.proxy", r"ProxyError|Cannot connect to proxy|Tunnel connection failed",
        N_("The proxy that is set does not let the connection through."), "env | grep -i proxy"),
    Known("pip.command", r"tarot-tui: (?:command )?not found",
        N_("The environment that holds tarot-tui is not active."), ". .venv/bin/activate"),
    # ---- packages against each other
    Known("packages.numpy", r"compiled using NumPy 1\.x cannot be run in|numpy\.core\.multiarray failed to import|numpy\.dtype size changed",
        N_("A package was built for another NumPy."), "{pip --upgrade numpy pandas}"),
    Known("packages.transformers", r"cannot import name '\w+' from 'transformers|module 'transformers[\w.]*' has no attribute",
        N_("peft, trl and transformers are of versions that do not belong together."), "{pip --upgrade transformers peft accelerate}"),
    Known("packages.accelerate", r"requires Accelerate|requires `accelerate|No module named 'accelerate'",
        N_("accelerate is missing or too old."), "{pip --upgrade accelerate}"),
    Known("packages.tokenizer", r"Couldn't instantiate the backend tokenizer|requires the (?:sentencepiece|tiktoken|protobuf) library|Unable to convert slow tokenizer",
        N_("The tokenizer of this model needs a package that is not installed."), "{pip sentencepiece tiktoken protobuf}"),
    Known("packages.architecture", r"does not recognize this architecture|model type `?\w+`? but Transformers does not recognize",
        N_("This transformers is older than the model."), "{pip --upgrade transformers}"),
    # ---- the hub
    Known("hub.gated", r"Cannot access gated repo|GatedRepoError|Access to model .{1,200} is restricted",
        N_("The model is gated: accept its terms on its page, then log in."), "tarot-tui login"),
    Known("hub.token", r"Invalid user token|401 Client Error.{0,80}huggingface|Invalid credentials in Authorization header",
        N_("The Hugging Face token is wrong or has expired."), "tarot-tui login"),
    Known("hub.unreachable", r"couldn't connect to 'https?://huggingface|Temporary failure in name resolution|Max retries exceeded with url: /api/models",
        N_("The hub cannot be reached from here; a mirror may be."), "export HF_ENDPOINT=https://hf-mirror.com"),
    Known("disk.full", r"No space left on device|Disk quota exceeded",
        N_("The disk is full; pip and the hub also need room in TMPDIR and in their caches."), "df -h; tarot-tui models list"),
    # ---- several GPUs
    Known("nccl.shm", r"NCCL WARN.{0,200}(?:shm|/dev/shm)|Error while creating shared memory segment",
        N_("NCCL finds too little shared memory."), "docker run --ipc=host …"),
    Known("nccl.p2p", r"NCCL.{0,120}(?:p2p|peer access)|peer access is not supported between these two devices",
        N_("The GPUs cannot reach each other's memory directly, and NCCL tries to."), "export NCCL_P2P_DISABLE=1 NCCL_IB_DISABLE=1"),
    Known("nccl.system", r"ncclSystemError|NCCL error.{0,80}unhandled (?:system|cuda) error|ncclInternalError",
        N_("NCCL failed at starting: it says why with NCCL_DEBUG=INFO."), "export NCCL_DEBUG=INFO"),
    # ---- Ollama
    Known("ollama.absent", r"could not connect to ollama|ollama: command not found|dial tcp 127\.0\.0\.1:11434: connect: connection refused",
        N_("Ollama does not run here; chat works without it, through llama.cpp."), "ollama serve"),
    Known("ollama.runner", r"llama runner process has terminated|llama runner process no longer running",
        N_("Ollama's engine crashed, mostly for want of memory: take a smaller quantisation or a smaller num_ctx."), "ollama ps; free -h"),
    Known("ollama.architecture", r"unknown model architecture|unsupported architecture",
        N_("This Ollama is older than the model: update it."), "curl -fsSL https://ollama.com/install.sh | sh"),
)  # fmt: skip


def explain(text: str) -> list[Finding]:
    """What a pasted text says, the cause first; empty when nothing in it is known. At most one finding for an id."""
    found: dict[str, Finding] = {}
    clean = plain(text)
    for known in KNOWN:
        if match := re.search(known.pattern, clean, re.I):
            line = clean[clean.rfind("\n", 0, match.start()) + 1 :].partition("\n")[0]
            found.setdefault(
                known.id,
                Finding(known.id, "error", _(known.text), one_line(line.strip(), 300), fix=_fix(known.fix)),
            )
    return list(found.values())


def sharpen(finding: Finding) -> Finding:
    """``finding`` with the fix for what its evidence says, where that is known better than by the check itself."""
    if finding.severity not in ("error", "warning") or not finding.evidence:
        return finding
    known = explain(finding.evidence)
    if not known or known[0].id == finding.id:
        return finding
    return replace(finding, text=f"{finding.text} {known[0].text}", fix=known[0].fix or finding.fix)


def _fix(fix: str) -> str:
    if fix == "{torch}":
        return _torch()
    if match := re.fullmatch(r"\{pip (.+)\}", fix):
        return pip_install(*match[1].split())
    return fix


def _torch() -> str:
    from tarot_tui.doctor.nvidia import look
    from tarot_tui.doctor.torch_checks import INDEX, wheel

    tag = wheel(look())
    if not tag:
        return "tarot-tui doctor"
    return pip_install("--force-reinstall", "torch", "--index-url", f"{INDEX}/{tag}")
