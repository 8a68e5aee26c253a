"""Report: the HTML report of a finished run: its data, figures, charts and templates."""
