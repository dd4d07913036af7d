"""The label issues of the dataset page: test digits whose label the shipped runs contradict."""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.data.statistics import SplitName, split_of
from core.evaluation.examples import (
    CONFIDENT_LEARNING_PAPER,
    LABEL_ISSUES_PAPER,
    HumanLabel,
    LabelIssue,
    find_label_issues,
    human_labels,
)
from core.figures.images import digit_sheet_url
from core.utils.text import percent
from pages.widgets.shared.digit_choice import SPLIT, open_digit
from pages.widgets.shared.pictures import enlarge

_SHOWN = 50
_LIST = "suspects-list"
_ROW_PX = 60
_LIST_PX = 640


def label_issues_view(dataset: str, split: SplitName) -> None:
    """Draw the list of label issues; a click on a line opens its digit.

    Args:
        dataset: name of a dataset.
        split: the split; label issues are found among test digits only.

    Raises:
        DigitscopeError: if the dataset or the runs' answers cannot be read.
    """
    if split == "train":
        _only_test_digits()
        return
    issues = find_label_issues(dataset)
    shown = issues[:_SHOWN]
    people = human_labels(dataset, split)
    _what_they_are(issues, shown)
    _list(split_of(dataset, split).images, shown, people)
    _what_people_said(shown, people)


def _only_test_digits() -> None:
    st.info(
        "Every shipped run has learned from these digits, including wrong labels, and may "
        "simply repeat them. So only labels of test digits can be checked.",
        icon=":material/school:",
    )

    def choose_test() -> None:
        st.session_state[SPLIT] = "test"

    st.button("Show those of the test digits", on_click=choose_test, key="suspects-test")


def _what_they_are(issues: Sequence[LabelIssue], shown: Sequence[LabelIssue]) -> None:
    if not issues:
        st.info("The shipped runs contradict no label here.", icon=":material/check:")
        return
    some = (
        f"The first {len(shown)} of {len(issues)}" if len(shown) < len(issues) else str(len(issues))
    )
    st.write(
        f"**{some} label issues**: test digits that the {issues[0].runs} shipped runs together "
        "read otherwise than their label says, the most confidently contradicted first. An "
        "issue is not always an error: the label may be wrong, the runs may be wrong, or "
        "nobody can read the digit for certain."
    )
    st.caption(
        f"The method is called [confident learning]({CONFIDENT_LEARNING_PAPER}) "
        "(Northcutt, Jiang and Chuang, "
        "2021). It asks networks that have not learned from the digits, since one that has may "
        "repeat a wrong label by heart. The runs' probabilities are averaged; the further that of "
        "another digit lies above that of the label, the higher a suspect stands. A run counts as "
        "confident if it is at least as sure of its answer as it is, on average, of the digits "
        "with that label."
    )


def _list(
    images: NDArray[np.uint8], shown: Sequence[LabelIssue], people: Mapping[int, HumanLabel]
) -> None:
    if not shown:
        return

    def opened() -> None:
        cells = st.session_state[_LIST].selection.cells
        if cells:
            open_digit(shown[cells[0][0]].index)

    st.dataframe(
        [_line(images[issue.index], issue, people) for issue in shown],
        height=_LIST_PX if len(shown) > _LIST_PX // _ROW_PX else "auto",
        hide_index=True,
        row_height=_ROW_PX,
        column_config={
            "Digit": st.column_config.ImageColumn(width=_ROW_PX, pinned=True),
            "Index": st.column_config.NumberColumn(width=60),
            "Label": st.column_config.NumberColumn(width=60),
            "The runs": st.column_config.TextColumn(width="medium"),
            "People": st.column_config.TextColumn(width="medium"),
            "Mean": st.column_config.TextColumn(
                width=60, help="The mean of the probabilities that the runs give this answer"
            ),
        },
        on_select=opened,
        selection_mode="single-cell",
        key=_LIST,
        alt="Label suspects: each digit's index, its label, and what the runs read",
    )
    st.caption("Click a row to open its digit.")


def _line(
    image: NDArray[np.uint8], issue: LabelIssue, people: Mapping[int, HumanLabel]
) -> dict[str, object]:
    human = people.get(issue.index)
    read = {"People": human.sentence if human else "not asked"} if people else {}
    return {
        "Digit": digit_sheet_url(enlarge(image, 2)[None], 1),
        "Index": issue.index,
        "Label": issue.label,
        "The runs": f"{issue.agreeing} of {issue.runs} read {issue.predicted} "
        f"({issue.confident} confident)",
        **read,
        "Mean": percent(issue.probability),
    }


def _what_people_said(shown: Sequence[LabelIssue], people: Mapping[int, HumanLabel]) -> None:
    if not people:
        st.caption(
            "What people say of these labels is not known: the published study is on MNIST's "
            "test set, and the sample's digits are from its training set."
        )
        return
    confirmed_issues = {index for index, human in people.items() if human.is_label_issue}
    judged = [issue.index for issue in shown if issue.index in people]
    judged_issues = confirmed_issues.intersection(judged)
    st.caption(
        f"What people said: [Northcutt, Athalye and Mueller (2021)]({LABEL_ISSUES_PAPER}) let five "
        f"people each judge {len(people)} labels of this test set. For {len(confirmed_issues)} of "
        f"them no majority confirmed the label; {len(judged_issues)} of these are among the "
        f"{len(shown)} above, and {len(judged) - len(judged_issues)} others whose label was "
        "confirmed."
    )
