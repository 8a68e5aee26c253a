"""Machine: the description of this host that belongs to every measurement."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

INSTRUCTION_SETS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")
"""The instruction sets that decide how fast int8 is, and whether its sums saturate."""


def cores() -> list[int]:
    """Numbers of the logical cores that this process may use."""
    process = psutil.Process()
    if hasattr(process, "cpu_affinity"):  # not on macOS
        return sorted(process.cpu_affinity() or [])
    return list(range(psutil.cpu_count() or 1))


def _cpu_information() -> dict[str, str]:
    """The first processor's entries in /proc/cpuinfo, keys in lower case; empty where it does not exist."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text().split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def instruction_flags() -> tuple[str, ...]:
    """All instruction sets of the processor, by the names of /proc/cpuinfo; empty where that does not exist."""
    known = _cpu_information()
    return tuple(known.get("flags", known.get("features", "")).split())


def host() -> dict[str, Any]:
    """Processor, logical cores, instruction sets that matter, memory in GiB, system, versions. JSON."""
    known, flags = _cpu_information(), instruction_flags()
    return {
        "cpu": known.get("model name") or platform.processor() or platform.machine(),
        "cores": len(cores()),
        "instruction_sets": [name for name in INSTRUCTION_SETS if name in flags],
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "os": f"{platform.system()} {platform.release()}",
        "onnxruntime": metadata.version("onnxruntime"),
        "python": platform.python_version(),
    }


def host_name() -> str:
    """A one-line name that changes only with the processor, its cores or the runtime's version."""
    found = host()
    sets = " ".join(found["instruction_sets"]) or "no vector extension known"
    return f"{found['cpu']}, {found['cores']} cores, {sets}, onnxruntime {found['onnxruntime']}"


def gpu_names() -> list[str]:
    """The names of the NVIDIA GPUs that the driver reports, without asking torch; empty where there is none."""
    places = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    lines = [line for place in places for line in place.read_text().splitlines()]
    return [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
