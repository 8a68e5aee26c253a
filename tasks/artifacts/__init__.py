"""What travels between tasks. Small, frozen, hashable as JSON; big things lie in the store under their digest."""

from tasks.artifacts.candidate import Candidate, Step
from tasks.artifacts.dataset import Column, Dataset, Prepared, Split, SplitName
from tasks.artifacts.errors import InputError, Refusal, nearest
from tasks.artifacts.goal import LOWER_IS_BETTER, Goal, Limits, Runtime
from tasks.artifacts.scorecard import Drop, Estimate, Latency, Parity, Scorecard, Size
from tasks.artifacts.specs import Spec
from tasks.artifacts.store import Store, StoreError, canonical_json, digest_file, digest_of, write_atomically
from tasks.artifacts.workspace import Workspace

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
