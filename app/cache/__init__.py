"""The cache of responses, in front of the API."""
