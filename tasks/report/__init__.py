"""The report: its data, figures, charts and templates."""
