"""The page of a study: it stands alone, escapes what it is told, has its pictures, and says what was not measured."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
from support import study_results

from flows.study.outputs.study_page_data import page_of_study
from tasks.report.study_page import render_study
from tasks.report.study_pictures import draw_table

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def test_a_page_stands_alone_and_escapes_what_it_is_told() -> None:
    page = render_study(page_of_study(study_results.study_result()), NOW)
    assert study_results.NASTY not in page
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?!#)', page)
    assert "2026-01-02 03:04 UTC" in page


def test_a_page_says_verdicts_first_then_what_is_recommended_and_what_is_missing() -> None:
    page = render_study(page_of_study(study_results.study_result()), NOW)
    places = [page.index(f'id="{name}"') for name in ("verdicts", "recommended", "left-out", "augmentation", "method")]
    assert places == sorted(places[:3]) + places[3:]
    assert "it broke: no GPU answers" in page
    assert "there are no pretrained weights for 8 × 8 images" in page
    assert "not begun: the budget ended before it" in page
    assert "digits.recommended.yaml" in page
    assert page.count("<li>row 1") == 40
    assert "and 5 more in <code>suspects.csv</code>" in page
    assert "the same 359 validation examples" in page


def test_each_table_has_the_pictures_that_suit_it() -> None:
    page = page_of_study(study_results.study_result())
    drawn = {table["name"]: draw_table(table, page["metric"]) for table in page["tables"]}
    kinds = {name: [caption.partition(" ")[0] for caption in pictures] for name, pictures in drawn.items()}
    assert kinds == {
        "optimizers": ["What", "The"],
        "early_stopping": ["Validation", "What", "The"],
        "precision": ["Score", "What"],
        "parallelism": ["The"],
        "augmentation": ["What"],
        "devices": [],
        "data": ["Score", "What"],
    }
    for pictures in drawn.values():
        for svg in pictures.values():
            ElementTree.fromstring(svg)


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_study_with_too_few_seeds_has_its_pictures_too(seeds: int) -> None:
    page = page_of_study(study_results.study_result(seeds=seeds))
    for table in page["tables"]:
        for svg in draw_table(table, page["metric"]).values():
            ElementTree.fromstring(svg)
            assert "inf" not in svg
            assert "nan" not in svg
    assert "too few seeds for a verdict" in render_study(page, NOW)


def test_a_page_without_changes_says_that_the_recipe_stays() -> None:
    page = page_of_study(study_results.study_result(confirmed=False)) | {"changes": [], "left": []}
    told = render_study(page, NOW)
    assert "Nothing: the recipe stays as it is." in told
    assert "What was not measured" not in told
