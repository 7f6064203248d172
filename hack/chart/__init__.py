"""What is made from the chart, or for it: the page of its values, its dashboard."""
