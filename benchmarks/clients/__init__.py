"""Client processes for work outside the hot loop: reading history, resuming, booking."""
