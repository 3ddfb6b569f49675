"""The site of the documentation: pages laid out as the repository is, and a reference made from the code."""
