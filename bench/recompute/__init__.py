"""Published numbers recomputed from their authors' own networks: no training, no chance, the real test set.

A source is three files of one name: ``published/networks/NAME.yaml`` says which network files there are and where they
come from, ``NAME.csv`` which numbers are printed, and ``bench/recompute/sources/NAME.py`` how to get from a file to a
number. What measures never sees what is printed (`bench.recompute.cells.Question`); what judges (`verdict`) reads
records alone.
"""
