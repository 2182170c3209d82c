"""Building blocks of the HTML reports: style sheets, scripts and embedded images."""
