"""Several runs together: statistics over seeds, figures, tables, and the page that shows them."""
