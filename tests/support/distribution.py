"""How a run on several processes hands out its tests: by file, the costliest first, so that all processes end at once.

xdist hands out the files with most tests first, and whole runs lie in files with few.
"""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

PLAIN = (
    "tests/trials/test_compression_trial.py",
    "tests/pipeline/test_pipeline.py",
    "tests/results/test_report_builder.py",
    "tests/results/test_operating_text.py",
)
"""These look at the fixture `plain`: one process has them all, and works it out once."""
SERVED = ("tests/steps/test_caching.py", "tests/steps/test_definitions.py", "tests/steps/test_prefect_runner.py")
"""These talk to the fixture `prefect_server`: one server is enough, whose start takes twelve seconds."""
TOGETHER = {file: group[0] for group in (PLAIN, SERVED) for file in group}

COSTLY = (
    *("tests/tuning/test_tuner.py", PLAIN[0], "tests/results/test_run_job.py", "tests/wrong_input/test_model.py"),
    *("tests/pipeline/test_tournament.py", "tests/tracking/test_registry.py", "tests/training/test_ensemble_fit.py"),
    *("tests/compression/test_library_comparison.py", "tests/tracking/test_runs.py", "tests/techniques/test_trees.py"),
    *("tests/wrong_input/test_data.py", "tests/pipeline/test_teaching.py", "tests/techniques/test_channels.py"),
    *("tests/recipe/test_model_checks.py", "tests/cli/test_app.py", "tests/techniques/test_blocks.py"),
    *("tests/techniques/test_low_rank.py", "tests/results/test_plan_summaries.py"),
)
"""Files of more than ten seconds, those that take longest first. One that is missing here costs time and no more."""


class CostlyFirst(LoadFileScheduling):  # type: ignore[misc]
    """`--dist loadfile` in this order."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return TOGETHER.get(file, file)

    def _assign_work_unit(self, node: WorkerController) -> None:
        costly = next((file for file in COSTLY if file in self.workqueue), None)
        if costly:
            self.workqueue.move_to_end(costly, last=False)
        super()._assign_work_unit(node)
