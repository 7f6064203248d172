"""One module for each change, none of which is ever edited."""
