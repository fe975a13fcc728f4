"""Difference-in-differences for groups known in every wave; refused where a wave does not say who belongs to which.

`two_by_two_cells` who is where · `regression` two by two, triple, event study · `few_areas` whole places ·
`influence_functions` and `doubly_robust` doubly robust · `staggered` group-time effects · `linked` the same people ·
`pre_trends` earlier trends and what they leave open · `composition` whether other kinds of people answered ·
`selection_demo` which design unseen selection fools.
"""

from evaluation.statistics.did import composition, pre_trends, selection_demo
from evaluation.statistics.did.doubly_robust import doubly_robust, probability_difference
from evaluation.statistics.did.few_areas import (
    Ratio,
    area_changes,
    by_area,
    collapsed,
    companions,
    leave_one_out,
    permutation,
    placebo_rank,
    smallest_p,
    wald_ratio,
)
from evaluation.statistics.did.influence_functions import rc_doubly_robust as drdid_rc
from evaluation.statistics.did.panel import first_differences, linkage, linkage_weights, linked_panel
from evaluation.statistics.did.regression import VCOV, EventStudy, event_study, triple, two_by_two
from evaluation.statistics.did.staggered_adoption import GroupTime, group_time
from evaluation.statistics.did.two_by_two_cells import LEAST, cell_counts

__all__ = [
    "LEAST",
    "VCOV",
    "EventStudy",
    "GroupTime",
    "Ratio",
    "area_changes",
    "by_area",
    "cell_counts",
    "collapsed",
    "companions",
    "composition",
    "doubly_robust",
    "drdid_rc",
    "event_study",
    "first_differences",
    "group_time",
    "leave_one_out",
    "linkage",
    "linkage_weights",
    "linked_panel",
    "permutation",
    "placebo_rank",
    "pre_trends",
    "probability_difference",
    "selection_demo",
    "smallest_p",
    "triple",
    "two_by_two",
    "wald_ratio",
]
