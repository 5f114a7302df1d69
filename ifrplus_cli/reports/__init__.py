"""Reports for people: pages and tables of runs, checks and evaluations."""
