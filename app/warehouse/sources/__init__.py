"""Where downloads come from that are not in the store yet."""
