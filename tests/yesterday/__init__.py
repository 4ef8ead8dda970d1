"""A client of yesterday against a server of today, and the reverse: older versions are kept here, and run beside ours."""
