"""The state of evidence: what is known of every published number, from what is committed alone.

A number is claimed (from memory) or read in a source, and then perhaps re-trained, recomputed from its authors'
network, or counted. These kinds answer different questions: they stand side by side and are never added up.
"""
