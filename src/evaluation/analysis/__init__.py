"""Analysis: the plan's questions put to the statistics, one module per question of a notebook.

This room knows the plan and the statistics; it computes no statistic of its own and never touches the disk. It
exists so that a notebook stays words and a few lines of calls, and so that no statistical function sees the plan.
"""
