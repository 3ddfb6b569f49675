"""Multiply-adds of a network, dense and sparse, and the graph they are counted on."""
