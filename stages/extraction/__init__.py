"""Main-content extraction: HTML to the ordered blocks of its main text, pictures in place."""
