"""`python -m calibrant.cli`."""

from calibrant.cli import main

# Processes that are started to help import this module too.
if __name__ == "__main__":
    main()
