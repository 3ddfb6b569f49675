"""A grid as Snakemake sees it: which jobs there are, what each takes, and what the terminal shows meanwhile."""
