"""`landscape-lab`: the window by default, and everything that can be done without one.

Whatever is wrong with what was typed or with a file is said in one line on stderr, with exit status
2. `--debug` (not in the help) lets the traceback through.
"""

import io
import os
import sys
from collections.abc import Callable
from typing import Any

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130  # see lab.commands.run.INCOMPLETE, too


def main(arguments: list[str] | None = None) -> int:
    """Run a command line.

    Args:
        arguments: the words after `landscape-lab`; those of the process if not given.

    Returns:
        The exit status: 0 done, 1 not possible here, 2 bad input, 3 done but for what failed on
        the way, 130 stopped by Ctrl+C.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    _ready_streams()
    try:
        return _obey(words)
    except KeyboardInterrupt:  # even while the words are read
        return INTERRUPTED


def main_window() -> int:
    """Open the window: what the desktop's launcher starts."""
    return main(["gui", *sys.argv[1:]])


def _obey(words: list[str]) -> int:
    """Read the words and do what they say."""
    from lab.commands.parser import complete, parser

    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        given = parser().parse_args(complete(words))
    except SystemExit as stop:  # help and usage errors, which argparse has printed
        return stop.code if isinstance(stop.code, int) else BAD_INPUT
    return _guarded(lambda: _command(given.command)(given), debug)


def _command(name: str) -> Callable[[Any], int]:
    """The function behind a command."""
    if name == "run":
        from lab.commands.run import run

        return run
    if name == "export":
        from lab.commands.export import export

        return export
    if name == "list":
        from lab.commands.catalogue import list_entries

        return list_entries
    if name == "bench":
        from lab.commands.bench import bench

        return bench
    if name == "doctor":
        from lab.doctor import doctor

        return lambda given: doctor()
    from lab.commands.window import open_window

    return open_window


def _ready_streams() -> None:
    """See to it that whatever is said can be written.

    Letters that the terminal or a file does not know become question marks; where a stream was
    closed before the start, what is said goes nowhere.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.StringIO())
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace" if name == "stdout" else "backslashreplace")


def _guarded(command: Callable[[], int], debug: bool) -> int:
    """Run a command; errors become one line."""
    try:
        status = command()
        sys.stdout.flush()  # a reader that has left is noticed here, not after the end
        return status
    except BrokenPipeError:  # the reader of our output has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError) as error:
        if debug:
            raise
        return _say(_sentence(error), BAD_INPUT)
    except Exception as error:
        if debug:
            raise
        kind = type(error).__name__
        return _say(f"something went wrong inside: {kind}: {error} (--debug says where)", FAILED)


def _sentence(error: Exception) -> str:
    """What is wrong; the system's own words where it has any."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _say(message: str, status: int) -> int:
    print(f"landscape-lab: {' '.join(message.split())}", file=sys.stderr)
    return status
