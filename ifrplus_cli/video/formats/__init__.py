"""Facts about kinds of files and pictures, and their bytes: no program is started here."""
