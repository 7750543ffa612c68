"""The socket, and what all requests and responses share: limits, problems, headers, request ids, logs, counters."""
