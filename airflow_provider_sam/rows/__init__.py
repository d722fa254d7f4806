"""Tables: rows and a recipe become requests, and answers become rows again."""
