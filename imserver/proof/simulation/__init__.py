"""The whole system in one process on virtual time: real server, real client libraries, real store, simulated network and disk.

One integer, the seed, decides everything; the same seed is the same run, in every process.
"""
