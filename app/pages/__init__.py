"""The pages: HTML for people, made of the same answers as the API's. Their templates and static files are here too."""
