"""Entry point of `python -m flows.cli`, which does the same as `paredown`."""

from flows.cli.app import main

if __name__ == "__main__":
    main()
