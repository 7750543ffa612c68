"""Charts and badges: series in, picture or Chart.js JSON out. The only room that knows matplotlib."""
