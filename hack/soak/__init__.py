"""What a long run of releases under traffic came to: its figures, and the page that shows them."""
