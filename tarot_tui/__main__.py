"""``python -m tarot_tui`` and the ``tarot-tui`` script."""

import sys


def main() -> int:
    """Run the command line with ``sys.argv`` and return its exit code."""
    from tarot_tui.cli import main as run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
