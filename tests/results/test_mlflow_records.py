"""What a flow writes to MLflow of its searches is what a later search begins from."""

from __future__ import annotations

import dataclasses

import pytest
from prefect.serializers import JSONSerializer

from flows.results.mlflow_records import record_search
from flows.trials.compression_trial import CompressionObjective
from flows.trials.training_trial import TrainingObjective
from tasks import tracking
from tasks.core import PlainRunner, Workspace
from tasks.search.domains import Uniform
from tasks.search.results import KnownTrial, SearchResult, Trial
from tasks.search.search_spec import Search
from tasks.steps.recorded_search import recall_searches
from tasks.tracking import WarmStart, past_searches, warm
from tasks.tracking.searches.live_recorder import SearchRun

POINT = {"train.momentum": 0.5}
TUNED = SearchResult(POINT, (Trial(0, POINT, 0.9, ((1, 0.9),), "finished", 1.0),), identity="same data")
SEARCH, BRANCH_SEARCH = TrainingObjective.role, CompressionObjective.role
SPACE = {"train.momentum": Uniform(uniform=(0, 1))}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    home = tmp_path_factory.mktemp("home")
    return Workspace(home, f"sqlite:///{home}/mlflow.db")


def test_a_recorded_search_warms_the_next_of_its_role(workspace: Workspace) -> None:
    parent = tracking.open_run(workspace.tracking_uri, "digits", "digits", "key", {}, {})
    at = dataclasses.replace(workspace, run=parent)
    record_search(SEARCH, TUNED, at, PlainRunner())
    record_search(BRANCH_SEARCH, dataclasses.replace(TUNED, identity=""), at, PlainRunner())
    record_search(SEARCH, TUNED, at, PlainRunner())
    (search,) = past_searches(workspace.tracking_uri, "digits", SEARCH)
    assert warm([search], "same data", SPACE) == WarmStart(known=(KnownTrial(POINT, 0.9),))
    assert warm([search], "other data", SPACE) == WarmStart(first=(POINT,))
    (branches,) = past_searches(workspace.tracking_uri, "digits", BRANCH_SEARCH)
    assert branches.identity == ""


def test_a_search_that_was_killed_is_a_past_to_others_and_not_to_itself(workspace: Workspace) -> None:
    uri = workspace.tracking_uri
    parent = tracking.open_run(uri, "killed", "killed", "key", {}, {})
    SearchRun(uri, parent, SEARCH, "same data").add(TUNED.trials)  # and then the process is gone
    asked = ("killed", SEARCH, "same data", Search(space=SPACE), POINT)
    at = dataclasses.replace(workspace, run=parent)
    assert recall_searches(*asked, workspace) == WarmStart(known=(KnownTrial(POINT, 0.9),))
    assert recall_searches(*asked, at) == WarmStart()
    record_search(SEARCH, TUNED, at, PlainRunner())
    assert len(past_searches(uri, "killed", SEARCH)) == 1, "it went on in its own run"


def test_what_is_remembered_comes_back_from_the_store_of_a_cached_step() -> None:
    serializer = JSONSerializer()
    for answer in (WarmStart(), WarmStart((KnownTrial({"a": [1, None], "b": True}, 0.5),), ({"a": 1.0},))):
        assert serializer.loads(serializer.dumps(answer)) == answer
