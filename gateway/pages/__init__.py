"""Front door for people, on Flask and Jinja."""
