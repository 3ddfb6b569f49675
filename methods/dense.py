"""The dense baseline."""

from bench.method import Dense as _Dense


class Dense(_Dense):
    """The unpruned network, trained for the recipe's ``train`` phase."""
