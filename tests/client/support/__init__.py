"""What the client's tests share."""
