"""The records that are passed between tasks, and the errors. Records are small, frozen and representable as JSON;
large data lie in the store, and records hold their digests."""

from tasks.core.candidate import Candidate, Step
from tasks.core.dataset import (
    Column,
    Dataset,
    InputLayout,
    NetworkFeatures,
    OutOfFold,
    Prepared,
    Range,
    Split,
    SplitName,
    TextFormat,
)
from tasks.core.errors import InputError, Refusal, nearest_choice
from tasks.core.goal import Goal, Limits, MetricSpec, Runtime
from tasks.core.progress import Progress, Update, silent
from tasks.core.runner import PlainRunner, Runner
from tasks.core.scorecard import (
    Drop,
    Estimate,
    GroupScore,
    Latency,
    LibraryComparison,
    Parity,
    PeerTime,
    Reference,
    RunProfile,
    Scorecard,
    Size,
)
from tasks.core.spec import Spec
from tasks.core.store import Store, StoreError, canonical_json, digest_file, digest_of, write_atomically
from tasks.core.workspace import Context, Workspace

__all__ = [
    "Candidate",
    "Column",
    "Context",
    "Dataset",
    "Drop",
    "Estimate",
    "Goal",
    "GroupScore",
    "InputError",
    "InputLayout",
    "Latency",
    "LibraryComparison",
    "Limits",
    "MetricSpec",
    "NetworkFeatures",
    "OutOfFold",
    "Parity",
    "PeerTime",
    "PlainRunner",
    "Prepared",
    "Progress",
    "Range",
    "Reference",
    "Refusal",
    "RunProfile",
    "Runner",
    "Runtime",
    "Scorecard",
    "Size",
    "Spec",
    "Split",
    "SplitName",
    "Step",
    "Store",
    "StoreError",
    "TextFormat",
    "Update",
    "Workspace",
    "canonical_json",
    "digest_file",
    "digest_of",
    "nearest_choice",
    "silent",
    "write_atomically",
]
