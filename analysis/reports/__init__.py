"""Reports on several runs: statistics over seeds, figures, tables, and a page of all."""
