"""``python -m ifrplus_cli`` is ``ifrplus``."""

from ifrplus_cli.commands.main import main

if __name__ == "__main__":
    main()
