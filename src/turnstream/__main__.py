"""``python -m turnstream`` is the command ``turnstream``."""

from turnstream.cli import main

if __name__ == "__main__":
    main()
