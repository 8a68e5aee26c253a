"""Tracking: records flow runs in MLflow: a parent run, a child run per candidate or search, trials below their search.

Every call names its server and its run; nothing depends on MLflow's active run or on its global tracking URI.
Every call may be repeated: a run is found by its key, and only missing content is added. Only this package uses MLflow.
"""

from tasks.tracking.client import SQLITE, database_file, model_page, open_client, quoted, run_links
from tasks.tracking.run_writer import LONGEST_TAG, NOTE, Curve, DatasetRecord, RunContent, Status
from tasks.tracking.runs import attach, close_run, open_run, record_child
from tasks.tracking.searches.live_recorder import recording
from tasks.tracking.searches.trial_table import RUNS, TABLE, record_trials
from tasks.tracking.searches.warm_start import IDENTITY, PastSearch, WarmStart, past_searches, search_tags, warm

__all__ = [
    "IDENTITY",
    "LONGEST_TAG",
    "NOTE",
    "RUNS",
    "SQLITE",
    "TABLE",
    "Curve",
    "DatasetRecord",
    "PastSearch",
    "RunContent",
    "Status",
    "WarmStart",
    "attach",
    "close_run",
    "database_file",
    "model_page",
    "open_client",
    "open_run",
    "past_searches",
    "quoted",
    "record_child",
    "record_trials",
    "recording",
    "run_links",
    "search_tags",
    "warm",
]  # fmt: skip
