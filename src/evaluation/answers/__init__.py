"""Put the plan's questions to the statistics: one module per notebook, labelled results and exhibits out.

This room knows the plan and the statistics; it computes no statistic of its own and never touches the disk. It
exists so that a notebook stays words and a few lines of calls, and so that no statistical function sees the plan.
"""
