"""Designs: the tables of a study, one module each, in the order in which the report shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flows.study.designs.architectures import design_architectures
from flows.study.designs.augmentation_design import design_augmentation
from flows.study.designs.data_amount import design_data
from flows.study.designs.device_design import design_devices
from flows.study.designs.early_stopping import design_early_stopping
from flows.study.designs.hyperparameters import design_hyperparameters
from flows.study.designs.optimizer_design import design_optimizers
from flows.study.designs.parallelism import design_parallelism
from flows.study.designs.precision_design import design_precision
from flows.study.designs.preprocessing_design import design_preprocessing
from flows.study.designs.pruning import design_pruning
from flows.study.designs.search_algorithms import design_search_algorithms
from flows.study.designs.transfer import design_transfer
from flows.study.study_context import Study
from tasks.study.design import Design, UnsuitedTable
from tasks.study.study_spec import TableName

DESIGNERS: Mapping[TableName, Callable[[Study], Design | UnsuitedTable]] = {
    "hyperparameters": design_hyperparameters,
    "optimizers": design_optimizers,
    "preprocessing": design_preprocessing,
    "pruning": design_pruning,
    "early_stopping": design_early_stopping,
    "architectures": design_architectures,
    "precision": design_precision,
    "parallelism": design_parallelism,
    "transfer": design_transfer,
    "augmentation": design_augmentation,
    "search_algorithms": design_search_algorithms,
    "devices": design_devices,
    "data": design_data,
}
"""Table → the function that designs it for a study, or says why it is left out."""
