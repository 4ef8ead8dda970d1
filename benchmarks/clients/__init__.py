"""Client processes for what the hot loop does not do: reading back, coming back, booking."""
