"""Methods, pushes and signals: what each says, as shapes without a function (SPEC, "Methods", "Pushes and signals").

A module for each, and no list of them: a server connects handlers to those that it has, a client its callers.
"""
