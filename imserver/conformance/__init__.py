"""`imserver conform`: plays the server against a foreign client, and judges what the client does by protocol/SPEC.md."""
