"""Random and damaged input at every door. `pytest -m prove tests/fuzz -s` is the long form; the suite has a short one."""
