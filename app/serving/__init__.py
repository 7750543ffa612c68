"""The socket, and what every request and response has: limits, problem bodies, common headers, logs, counters."""
