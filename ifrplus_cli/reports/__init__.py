"""What people read: pages and tables of runs, checks and evaluations."""
