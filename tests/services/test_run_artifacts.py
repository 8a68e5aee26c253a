"""Run artifacts: where the report, the MLflow run and the model of a run are."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from flows.services.run_artifacts import product_links, show_answer

FOLDER = Path("/home/products/my churn")


def test_a_server_has_pages_for_all_and_shows_no_password() -> None:
    links = product_links("http://me:secret@there:5000", {"MLflow": "http://there:5000/#/run"}, FOLDER, "my churn", 3)
    assert links == {
        "Report": "http://there:5000/#/run/artifacts/report.html",
        "Report's file": "/home/products/my churn/report.html",
        "MLflow": "http://there:5000/#/run",
        "Model": "http://there:5000/#/models/my%20churn/versions/3",
        "Model for MLflow": "models:/my churn/3",
        "Model's file": "/home/products/my churn/model.onnx",
    }


def test_a_database_has_the_pages_that_up_serves_and_the_file_of_the_report() -> None:
    links = product_links("sqlite:////home/mlflow.db", {"MLflow": "http://127.0.0.1:5000/#/run"}, FOLDER, "churn", 1)
    assert "Report" not in links
    assert links["Model"] == "http://127.0.0.1:5000/#/models/churn/versions/1"


def test_the_answer_is_an_artifact_of_the_run(prefect_server: None) -> None:
    @flow
    def answering() -> str:
        show_answer("told", "Yes", "because", {"MLflow": "http://there/", "File": "a.html"})
        return str(flow_run.id)

    number = UUID(answering())
    with get_client(sync_client=True) as client:
        found = [each for each in client.read_artifacts() if each.flow_run_id == number]
    assert [each.data for each in found] == [
        "## Yes\n\nbecause\n\n| | |\n|---|---|\n| MLflow | <http://there/> |\n| File | `a.html` |"
    ]
