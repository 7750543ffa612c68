"""The HTML pages, made of the same answers as the API's. Their templates and static files are here too."""
