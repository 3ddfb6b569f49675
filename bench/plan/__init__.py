"""What is to be run: grids, their runs and the identities of these. Imports no torch."""
