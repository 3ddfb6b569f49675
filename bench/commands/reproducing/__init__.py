"""``reprune reproduce``: everything of a paper that can be judged here, planned, run and summed up.

`sought` finds the paper, `wanted` says which cells its numbers ask for, `shares` makes grids of them, `choice` takes
those that fit a number of hours, `outlook` says all of it beforehand, `work` carries it out, `summary` sums it up.
"""
