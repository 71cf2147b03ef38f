"""The words of `landscape-lab`: what can be typed, and what is said when it makes no sense.

Nothing heavy is imported here, so that help is there at once.
"""

import argparse
import tomllib
from collections.abc import Callable
from typing import Any, NoReturn

from lab.engine.knobs import Knob, KnobField, did_you_mean, knob_fields

KINDS = ("optimizers", "problems", "losses", "schedules", "probes")
_FORMATS_HELP = "any of csv, npz, hdf5, parquet, png, svg, pdf, mp4, gif, toml, py, lab"
_EXAMPLES = """examples:
  landscape-lab                                        open the window
  landscape-lab valley.toml                            open it with an experiment
  landscape-lab run valley.toml --out results --formats csv,npz,png
  landscape-lab run valley.toml --out fast --set lanes.adam.lr=0.1 --steps 500
  landscape-lab export results/recording.lab --out video --formats mp4
  landscape-lab list optimizers adam
  landscape-lab bench optimizers --only adam,lion,muon
"""


_STATUS = """exit status:
  0    the run reached its end (single runs may have diverged: that is said, and on record)
  1    a fault of the lab itself
  2    what was typed or a file makes no sense, or a folder cannot be written; one line says which
  3    a measurement or a lane failed on the way; everything else was recorded and written
  130  stopped by Ctrl+C; recording.lab holds what was recorded
"""


class Parser(argparse.ArgumentParser):
    """An argument parser that complains in one line."""

    def __init__(self, **options: Any):
        """Take `argparse.ArgumentParser`'s options; abbreviations are not understood."""
        super().__init__(
            allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options
        )

    def error(self, message: str) -> NoReturn:
        """Say in one line what is wrong, with the nearest option, and exit with status 2."""
        unknown = message.removeprefix("unrecognized arguments: ").split()[0]
        if message.startswith("unrecognized") and unknown.startswith("-"):
            message = f"{unknown} is not an option{did_you_mean(unknown, self.options())}"
        line = " ".join(message.split())
        self.exit(2, f"{self.prog}: {line} ({self.prog} --help says more)\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; an unknown word is reported by the command that it was meant for."""
        given, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return given, rest

    def options(self) -> list[str]:
        """The options it understands."""
        return [text for action in self._actions for text in action.option_strings]


def parser() -> Parser:
    """The parser of everything that can be typed after `landscape-lab`."""
    from lab import __version__

    top = Parser(
        prog="landscape-lab",
        description="A desktop lab in which people see optimisation happen.",
        epilog=_EXAMPLES,
    )
    top.add_argument("--version", action="version", version=f"landscape-lab {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    window = commands.add_parser("gui", help="open the window (the default)")
    window.add_argument("files", nargs="*", metavar="FILE", help="a .toml or .lab file to open")
    _add_run(commands.add_parser("run", help="run an experiment without a window", epilog=_STATUS))
    _add_export(commands.add_parser("export", help="write tables, figures ... of a recording"))
    names = commands.add_parser("list", help="what there is: optimizers, problems, losses, probes")
    names.add_argument("kind", metavar="KIND", type=_kind, help=" | ".join(KINDS))
    names.add_argument("name", nargs="?", metavar="NAME", help="print the card of this one")
    _add_bench(commands.add_parser("bench", help="compare all optimizers, each tuned"))
    commands.add_parser("doctor", help="device, Qt, OpenGL, versions, and what is missing")
    return top


def _add_bench(bench: Parser) -> None:
    bench.add_argument("what", metavar="WHAT", choices=("optimizers",), help="optimizers")
    bench.add_argument(
        "--only", default=[], metavar="NAMES", type=_names, help="these alone: adam,lion"
    )
    bench.add_argument(
        "--seeds", default=3, metavar="N", type=_seeds, help="starts of each rule (3)"
    )
    bench.add_argument("--out", metavar="FILE", help="write the table here too, in Markdown")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _seeds(text: str) -> int:
    return _checked(KnobField("seeds", int, 5, Knob(1, 100)))(text)


def _add_run(run: Parser) -> None:
    from lab.engine.experiment import Experiment

    run.add_argument("file", metavar="FILE.toml", help="the experiment")
    _add_output(run, "csv,npz,png")
    for field in knob_fields(Experiment):
        run.add_argument(
            f"--{field.name}", type=_checked(field), metavar="…", help=f"{field.knob.doc}"
        )
    run.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        type=_assignment,
        help="any entry of the file: problem.a=2, lanes.NAME.lr=0.1, probes.NAME.every=5; several "
        "values of a knob are a sweep: lanes.NAME.lr='1e-4..1 log 13'",
    )


def _add_export(export: Parser) -> None:
    export.add_argument("file", metavar="FILE.lab", help="the recording")
    _add_output(export, "csv,npz,png")
    export.add_argument("--step", type=int, help="the step that figures look at (the last one)")
    export.add_argument("--theme", default="light", metavar="NAME", help="of figures: light, dark")
    export.add_argument("--dpi", type=int, default=200, help="pixels an inch (200)")


def _add_output(command: Parser, formats: str) -> None:
    command.add_argument(
        "--out", required=True, metavar="DIR", type=_folder, help="the folder to write into"
    )
    command.add_argument(
        "--formats",
        default=formats.split(","),
        type=lambda text: [name.strip() for name in text.split(",") if name.strip()],
        metavar="A,B",
        help=f"{_FORMATS_HELP} ({formats})",
    )
    command.add_argument("--quiet", action="store_true", help="say nothing but errors")


def _folder(text: str) -> str:
    """The name of a folder, which an unset variable of the shell is not."""
    if not text:
        raise argparse.ArgumentTypeError("the name of a folder is needed ('.' for this one)")
    return text


def _kind(text: str) -> str:
    """One of KINDS, in the singular too."""
    for kind in KINDS:
        if text in (kind, kind.removesuffix("es" if kind == "losses" else "s")):
            return kind
    raise argparse.ArgumentTypeError(
        f"{text!r} is not known{did_you_mean(text, KINDS)}; allowed: {', '.join(KINDS)}"
    )


def _checked(field: KnobField) -> Callable[[str], Any]:
    """Reads and checks the value of a knob."""

    def read(text: str) -> Any:
        try:
            return field.check(text if field.type is str else value_of(text))
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read


def _assignment(text: str) -> tuple[str, Any]:
    """KEY=VALUE as the key and what the value means."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise argparse.ArgumentTypeError(f"{text!r}: KEY=VALUE is needed, as in lanes.adam.lr=0.1")
    return key.strip(), value_of(value.strip())


def value_of(text: str) -> Any:
    """What a value means in TOML; text that is no TOML value stands for itself."""
    try:
        read = tomllib.loads(f"value = {text}")
    except ValueError:
        return text
    return read["value"] if len(read) == 1 else text  # more lines, more keys


def complete(arguments: list[str]) -> list[str]:
    """The arguments with the default command put in where none is given."""
    first = arguments[0] if arguments else ""
    if first in ("gui", "run", "export", "list", "bench", "doctor", "-h", "--help", "--version"):
        return arguments
    return ["gui", *arguments]
