"""Small tables of numbers and text, with gaps and odd names, and a plain ColumnTransformer for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from tasks.kernels.estimators.conversion import RawInput
from tasks.models.estimators.families import Family

CLASSES = ["no", "maybe", "yes"]
NUMBERS, TEXTS = ["a-b", "a_b", "1st value"], ["größe", "label"]


def mixed_table(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    """Numbers (one with gaps, one whole), text (one with gaps), and a column that nothing depends on."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "a-b": rng.normal(size=rows).astype(np.float32),
            "größe": rng.choice(["small", "large", ""], rows),
            "a_b": rng.normal(size=rows).astype(np.float32),
            "1st value": rng.integers(0, 9, rows).astype(np.float32),
            "label": rng.choice(["u", "v"], rows),
            "t1": rng.normal(size=rows).astype(np.float32),
        }
    )
    table.loc[::7, "a-b"] = np.nan
    return table


def three_classes(table: pd.DataFrame) -> Any:
    """Class numbers 0, 1, 2 of the rows."""
    return ((table["1st value"] > 4) ^ (table["label"] == "u")).astype(int).to_numpy() + (table["größe"] == "small")


def values_of(table: pd.DataFrame) -> Any:
    """A number for each row."""
    return (3.0 * table["1st value"] + table["a_b"] + 2 * (table["label"] == "u")).to_numpy(np.float64)


def unseen_rows() -> pd.DataFrame:
    """Rows with categories that training had not, and gaps where training had none."""
    table = mixed_table(300, seed=1)
    table.loc[::5, "größe"] = "new"
    table.loc[::3, "a_b"] = np.nan
    table.loc[::4, "1st value"] = np.nan
    return table


def raw_inputs(table: pd.DataFrame) -> list[RawInput]:
    """One input for each column, in the table's order."""
    return [RawInput(name, "float32" if table[name].dtype.kind == "f" else "string") for name in table.columns]


def plain_transformer(encoding: str = "one_hot", scaled: bool = True, imputed: bool = True) -> ColumnTransformer:
    """Median, standard scale and one-hot, as far as asked for; without them numbers stay and text has a rank."""
    chain: list[Any] = [("impute", SimpleImputer(strategy="median"))] if imputed else []
    chain += [("scale", StandardScaler())] if scaled else []
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    encoder = OneHotEncoder(handle_unknown="ignore") if encoding == "one_hot" else ordinal
    return ColumnTransformer(
        [("numbers", Pipeline(chain) if chain else "passthrough", NUMBERS), ("text", encoder, TEXTS)]
    )


def transformer_for(family: Family) -> ColumnTransformer:
    """What the family needs of its features."""
    return plain_transformer(family.encoding, family.scaled, family.imputed)
