"""Run artifacts: the answer of a flow run on its page in Prefect, with links to the report, MLflow and the model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tasks.tracking import model_page


def show_answer(key: str, answer: str, text: str, links: Mapping[str, str]) -> None:
    """Adds an artifact to the flow run that calls this.

    Args:
        key: the artifact's key; Prefect keeps those of all runs as its history.
        answer: what the run found, in a sentence.
        text: what explains it, as Markdown.
        links: what is found where; an address becomes a link, and a file or a name is shown as it is.
    """
    from prefect.artifacts import create_markdown_artifact

    from tasks.steps.server_outage import outlast

    rows = [f"| {what} | {_shown(place)} |" for what, place in links.items()]
    table = "\n".join(["| | |", "|---|---|", *rows])
    whole = "\n\n".join(filter(None, [f"## {answer}", text, table]))
    outlast(lambda: create_markdown_artifact(whole, key=key))


def product_links(uri: str, run: Mapping[str, str], folder: Path, name: str, version: int) -> dict[str, str]:
    """Where the report, the MLflow run and the registered model of a run are.

    Args:
        uri: URI of the tracking server and registry.
        run: the links of its report (`tasks.tracking.run_links`).
        folder: the product's folder.
        name: name of the registered model.
        version: its version.
    """
    page, is_served = run["MLflow"], uri.startswith(("http://", "https://"))
    report = {"Report": f"{page}/artifacts/report.html"} if is_served else {}
    return {
        **report,
        "Report's file": str(folder / "report.html"),
        "MLflow": page,
        **model_links(uri, name, version),
        "Model's file": str(folder / "model.onnx"),
    }


def model_links(uri: str, name: str, version: int) -> dict[str, str]:
    """Where a version of a registered model is: its page in MLflow, and its address for MLflow's client."""
    return {"Model": model_page(uri, name, version), "Model for MLflow": f"models:/{name}/{version}"}


def _shown(place: str) -> str:
    return f"<{place}>" if place.startswith(("http://", "https://")) else f"`{place}`"
