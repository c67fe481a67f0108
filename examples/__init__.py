"""A small web site of our own making, with planted faults, for the demo and the tests."""
