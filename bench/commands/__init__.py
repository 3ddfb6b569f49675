"""Commands of `reprune`, one file each; `bench.cli` reads their options."""
