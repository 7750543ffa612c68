"""Charts and badges: from a series to a picture or to JSON for Chart.js. Only this package uses matplotlib."""
