"""Orphans: the embedded Prefect server of a run that was killed lives on and would share its database with the next."""

from __future__ import annotations

from pathlib import Path

import psutil

SERVER = "prefect.server.api.server:create_app"


def stop_orphans(prefect_home: Path) -> list[int]:
    """Ends the embedded servers on this home whose run is gone; returns their process numbers.

    A server belongs to a run as long as its parent is a Python process; an orphan's parent is the init process.
    """
    orphans = [process for process in psutil.process_iter(["cmdline"]) if _is_orphan(process, prefect_home)]
    for process in orphans:
        process.terminate()
    _, stubborn = psutil.wait_procs(orphans, timeout=5)
    for process in stubborn:
        process.kill()
    return [process.pid for process in orphans]


def _is_orphan(process: psutil.Process, prefect_home: Path) -> bool:
    if SERVER not in (process.info["cmdline"] or ()):
        return False
    try:
        parent = process.parent()
        is_ours = process.environ().get("PREFECT_HOME") == str(prefect_home)
        return is_ours and (parent is None or not any("python" in part for part in parent.cmdline()[:1]))
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # ended meanwhile, or another user's
        return False
