"""Made-up pages of six kinds, with the truth about what a reader would keep of each."""
