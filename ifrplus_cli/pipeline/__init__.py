"""From a film to a film: the job, its run, its journal and its final check."""
