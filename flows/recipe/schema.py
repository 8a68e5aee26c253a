"""Recipe schema: the settings of a whole run, composed of the Specs of its steps."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import Field, model_validator

from tasks.compression.branch import Compress, form_of
from tasks.conversion.onnx_export import Export
from tasks.core import Goal, InputError, Runtime, Spec
from tasks.data.augmentation import AugmentStep
from tasks.data.data_spec import DataSpec
from tasks.data.preprocessing import TargetUnit
from tasks.data.preprocessing_spec import PreprocessStep
from tasks.data.tables.column_steps import TransformTarget
from tasks.data.tables.column_transformer import TextEncoding
from tasks.models.family_names import NETWORKS, FamilyName
from tasks.models.model_spec import ModelSpec
from tasks.monitoring.monitor_spec import MonitorSpec
from tasks.monitoring.retrain_spec import RetrainSpec
from tasks.report.report_spec import ReportSpec
from tasks.search.search_spec import Search
from tasks.study.study_spec import StudySpec
from tasks.techniques import TAGS
from tasks.training.ensembles.member_checks import check_members
from tasks.training.train_spec import TrainSpec


class Recipe(Spec):
    """The settings of a run: data, model, goal and everything between. Only `name` and `data` have no default."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=80)
    """Name of the product, of its MLflow experiment and of its registered model."""
    data: DataSpec
    """Where the examples come from and how they are split."""
    preprocess: tuple[PreprocessStep, ...] = ()
    """Preprocessing: fitted on the train split only, and part of the product's graph. Absent: the defaults for the
    kind of data."""
    augment: tuple[AugmentStep, ...] = ()
    """Random changes of the training examples, in order: images, or arrays of steps; not for tables."""
    model: ModelSpec = ModelSpec()
    """The network: to be trained, with trained weights, or an ONNX file."""
    train: TrainSpec = TrainSpec()
    """How the baseline is trained; not used when the model has trained weights."""
    search: Search | None = None
    """A search over values of `model`, `preprocess`, `train` and `augment` before the baseline is made."""
    compress: Compress | None = None
    """The branches to try. Absent: pruning, low rank and int8, alone and together."""
    export: Export = Export()
    """How the ONNX file is made and checked against the network."""
    goal: Goal = Goal()
    """How good the product must be, and whether to minimize its latency or its bytes."""
    report: ReportSpec = ReportSpec()
    """What the report, MLflow and the registry may show of the data."""
    monitor: MonitorSpec = Field(default=MonitorSpec(), exclude_if=lambda spec: bool(spec == MonitorSpec()))
    """When new data are said to hurt the champion, and who is told."""
    retrain: RetrainSpec = Field(default=RetrainSpec(), exclude_if=lambda spec: bool(spec == RetrainSpec()))
    """Which rows a retrain uses, and which it leaves for the comparison with the champion."""
    study: StudySpec = Field(default=StudySpec(), exclude_if=lambda spec: bool(spec == StudySpec()))
    """Which tables `paredown study` makes, and how many minutes it may measure."""
    promotion: Literal["gate", "manual"] = Field(default="gate", exclude_if=lambda who: bool(who == "gate"))
    """Who makes a challenger champion: the gate, where it passes, or a person with `paredown promote`."""
    runtime: Runtime = Runtime()
    """How the product will run; latency is measured under these settings."""

    @model_validator(mode="before")
    @classmethod
    def _none_is_a_step(cls, content: Any) -> Any:
        """`preprocess: none` in words; an ONNX file gets raw values anyway."""
        if not isinstance(content, dict) or content.get("preprocess") != "none":
            return content
        model = content.get("model")
        has_file = isinstance(model, dict) and model.get("file") is not None
        return {**content, "preprocess": [] if has_file else [{"step": "none"}]}

    @model_validator(mode="before")
    @classmethod
    def _first_family(cls, content: Any) -> Any:
        """A search over the family begins with its first one, where the recipe names no model."""
        search = content.get("search") if isinstance(content, dict) else None
        space = search.get("space") if isinstance(search, dict) else None
        domain = space.get("model.family") if isinstance(space, dict) else None
        choices = domain.get("choice") if isinstance(domain, dict) else None
        listed = choices if isinstance(choices, (list, tuple)) else ()
        first = next((each for each in listed if each in (*get_args(FamilyName), *NETWORKS)), None)
        model = content.get("model") or {} if isinstance(content, dict) else None
        if first is None or not isinstance(model, dict) or {"family", "factory", "file", "ensemble"} & {*model}:
            return content
        return {**content, "model": {"family": first, **model}}

    @property
    def is_searched(self) -> bool:
        """Whether there is a search that runs: a model that others trained is taken as it is."""
        return self.search is not None and (self.model.is_simple or not self.model.is_trained)

    @property
    def text_encoding(self) -> TextEncoding:
        """How text becomes numbers for the network, where `preprocess` does not say it: an embedding takes codes."""
        return "ordinal" if self.model.reads_codes else "one_hot"

    @property
    def target_unit(self) -> TargetUnit:
        """The unit of a regression network's answers: what others trained answers in the data's own."""
        return "data" if self.model.is_trained else "standardized"

    @model_validator(mode="after")
    def _transfer_is_not_searched(self) -> Recipe:
        if self.search is not None and self.model.is_transferred:
            law = "must be left out beside model.transfer, unless that is scratch"
            raise ValueError(InputError(law, path="search", nearest="model.transfer: auto, which compares the ways"))
        return self

    @model_validator(mode="after")
    def _members_can_be_trained(self) -> Recipe:
        check_members(self.model, self.train, self.search)
        if self.model.networks and self.model.networks.weights == "fitted" and self.goal.metric == "quantile_loss":
            law = "must be equal where a quantile is predicted: least squares would find the mean"
            raise ValueError(InputError(law, path="model.ensemble.weights", value="fitted", nearest="equal"))
        return self

    @model_validator(mode="after")
    def _limit_has_groups(self) -> Recipe:
        if self.goal.limits.group_drop is not None and not self.data.groups:
            law = "bounds the worst of the groups that data.groups names, and there are none"
            raise ValueError(InputError(law, path="goal.limits.group_drop", nearest="data.groups: [sex]"))
        return self

    @model_validator(mode="after")
    def _file_is_not_trained(self) -> Recipe:
        if self.model.form == "onnx":
            check_for_file(self)
        return self


def check_for_file(recipe: Recipe) -> None:
    """Checks that a recipe without a network has no training, and only steps that take ONNX files.

    Raises:
        ValueError: its argument is an InputError, since pydantic passes on only ValueErrors; names the section, or the
            branch and its step.
    """
    check_searchable(recipe)
    for name in ("train", "augment", *(("search",) if recipe.model.file else ())):
        if getattr(recipe, name) != Recipe.model_fields[name].default:
            what = "model.file is an ONNX file" if recipe.model.file else "model.family is a simple model"
            law = f"must be left out: {what}, which is never trained" + ("" if recipe.model.file else " in epochs")
            raise ValueError(InputError(law, path=name))
    for place, given in enumerate(recipe.preprocess if recipe.model.file else ()):
        if isinstance(given, TransformTarget):
            law = "must be left out beside model.file, which keeps its own answers"
            raise ValueError(InputError(law, path=f"preprocess.{place}.step", value=given.step))
    possible = ", ".join(tag for tag, kind in TAGS.items() if kind.form == "onnx")
    for place, branch in enumerate(recipe.compress.branches if recipe.compress else ()):
        for index, step in enumerate(branch.steps):
            if form_of(step) != "onnx":
                begins = "model.file" if recipe.model.file else "model.family"
                law = f"needs a torch network, but branch {branch.name!r} begins with the ONNX file of {begins}"
                path = f"compress.branches.{place}.steps.{index}"
                raise ValueError(
                    InputError(law, path=path, value=step.model_dump()["step"], nearest=f"one of {possible}")
                )


def check_searchable(recipe: Recipe) -> None:
    """Checks that a simple model with a search is of one family. Raises ValueError as `check_for_file` does."""
    if recipe.search is None or recipe.model.file is not None:
        return
    if recipe.model.family == "auto":
        law = "fits several families, and cannot be searched as well"
        choice = "left out, with search.space.model.family: {choice: [linear, lightgbm, random_forest]}"
        raise ValueError(InputError(law, path="model.family", value="auto", nearest=choice))
    if recipe.model.simple_ensemble is not None:
        law = "must be left out beside model.ensemble, whose members are given"
        raise ValueError(InputError(law, path="search", nearest="a search over model.family"))
