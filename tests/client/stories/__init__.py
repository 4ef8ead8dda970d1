"""What a client has to do, whatever it is written in: played by the Python client, and again by the one in JavaScript."""
