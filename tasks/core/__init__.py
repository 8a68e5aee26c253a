"""What travels between tasks. Small, frozen, hashable as JSON; big things lie in the store under their digest."""

from tasks.core.candidate import Candidate, Step
from tasks.core.dataset import Column, Dataset, Prepared, Split, SplitName
from tasks.core.errors import InputError, Refusal, nearest
from tasks.core.goal import LOWER_IS_BETTER, Goal, Limits, Runtime
from tasks.core.scorecard import Drop, Estimate, Latency, Parity, Scorecard, Size
from tasks.core.spec import Spec
from tasks.core.store import Store, StoreError, canonical_json, digest_file, digest_of, write_atomically
from tasks.core.workspace import Workspace

__all__ = [
    "LOWER_IS_BETTER",
    "Candidate",
    "Column",
    "Dataset",
    "Drop",
    "Estimate",
    "Goal",
    "InputError",
    "Latency",
    "Limits",
    "Parity",
    "Prepared",
    "Refusal",
    "Runtime",
    "Scorecard",
    "Size",
    "Spec",
    "Split",
    "SplitName",
    "Step",
    "Store",
    "StoreError",
    "Workspace",
    "canonical_json",
    "digest_file",
    "digest_of",
    "nearest",
    "write_atomically",
]
