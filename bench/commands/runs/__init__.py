"""One run, and many: carrying one out for a person, and finding, showing, comparing, repeating and verifying records.

Everything here reads what runs left behind; what a run is and does, `bench.training.run` and its neighbours say.
"""
