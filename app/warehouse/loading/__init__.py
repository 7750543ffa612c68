"""Loading: files of download events in, published days out; and the tables they are in."""
