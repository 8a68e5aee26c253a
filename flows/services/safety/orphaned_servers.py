"""Orphaned servers: ends the embedded Prefect servers of killed runs.

Such a server outlives its run, and would use the same database as the server of the next run.
"""

from __future__ import annotations

from pathlib import Path

import psutil

SERVER = "prefect.server.api.server:create_app"


def stop_orphans(prefect_home: Path) -> list[int]:
    """Ends the embedded servers that use this Prefect home and whose run is gone; returns their process ids.

    A server whose parent is a Python process belongs to a run; the parent of an orphan is the init process.
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
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # it has ended, or it is another user's
        return False
