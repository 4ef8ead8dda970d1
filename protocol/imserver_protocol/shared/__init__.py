"""Rules and words that a chat server shares with its clients, with or without a wire between them: ids, bounds, codes."""
