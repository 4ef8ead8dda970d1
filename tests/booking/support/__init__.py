"""What the booking tests share."""
