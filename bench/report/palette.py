"""The colours of methods, the same in all figures and pages."""

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F3C8D", "#8C6D31")
"""Okabe and Ito's colours, which colour-blind people can tell apart, without yellow and black, and two more."""

LIGHTER = {"#7F3C8D": "#B583C6"}
"""What stands for those that are hard to see on a dark page."""
