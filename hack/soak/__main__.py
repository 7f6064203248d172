"""`python -m hack.soak`: put the last soak into docs/soak.md. Exit status: 0 done, 1 there was no run."""

import sys

from hack.soak import page


def main() -> int:
    """Write the page; returns the exit status."""
    try:
        page.write()
    except FileNotFoundError as error:
        print(f"soak: {error.filename} is not there: run `make soak` first", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
