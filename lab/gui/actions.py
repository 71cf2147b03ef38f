"""Every command of the user, once: its text, key, icon and menu.

Menus, tool buttons and the command palette are all made of this table. The command "file.open" is
the method `open` of the object that carries out the commands of the File menu.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence

from lab.gui.icons import icon
from lab.palette import Theme


class CommandSpec(NamedTuple):
    """One command.

    Attributes:
        name: "menu.what"; the part before the dot says in which menu it is.
        text: what is written in menus; "…" where it asks something first.
        keys: shortcuts, the first of which is shown.
        icon: a name in `assets/icons`, empty for none.
        checkable: whether it is a switch.
        tip: one sentence more.
        gap: whether a line is drawn above it in the menu.
    """

    name: str
    text: str
    keys: tuple[str, ...] = ()
    icon: str = ""
    checkable: bool = False
    tip: str = ""
    gap: bool = False


COMMANDS = (
    CommandSpec("file.new", "New experiment", ("Ctrl+N",), tip="Begin again with the default"),
    CommandSpec("file.open", "Open…", ("Ctrl+O",), tip="Open an experiment or a recording"),
    CommandSpec("file.save", "Save", ("Ctrl+S",), gap=True, tip="Save the recording"),
    CommandSpec("file.save_as", "Save as…", ("Ctrl+Shift+S",), tip="Save under another name"),
    CommandSpec(
        "file.export", "Export…", ("Ctrl+E",), icon="export", tip="Figures, tables, video, script"
    ),
    CommandSpec(
        "file.copy_script", "Copy Python script", tip="A script that gives the same numbers"
    ),
    CommandSpec("file.quit", "Quit", ("Ctrl+Q",), gap=True),
    CommandSpec("edit.undo", "Undo", ("Ctrl+Z",)),
    CommandSpec("edit.redo", "Redo", ("Ctrl+Shift+Z", "Ctrl+Y")),
    CommandSpec("experiment.play", "Play", ("Space",), icon="play", tip="Run, or pause"),
    CommandSpec("experiment.forward", "Step forward", ("Right",), icon="step-forward"),
    CommandSpec("experiment.back", "Step back", ("Left",), icon="step-back"),
    CommandSpec("experiment.first", "Go to the start", ("Home",), icon="first"),
    CommandSpec("experiment.last", "Go to the newest step", ("End",), icon="last"),
    CommandSpec(
        "experiment.follow",
        "Follow",
        ("F",),
        checkable=True,
        tip="Keep the cursor at the newest step",
    ),
    CommandSpec("experiment.faster", "Faster", ("Ctrl+Up",), gap=True),
    CommandSpec("experiment.slower", "Slower", ("Ctrl+Down",)),
    CommandSpec(
        "experiment.branch",
        "Branch here",
        ("B",),
        icon="branch",
        gap=True,
        tip="Go on from the cursor's step in a new lane",
    ),
    CommandSpec("experiment.add_lane", "Add optimizer…", ("Ctrl+L",), icon="plus"),
    CommandSpec(
        "experiment.sweep",
        "Sweep the learning rate",
        ("Shift+S",),
        icon="sweep",
        gap=True,
        tip="Run the selected lane with 13 learning rates over four decades around its own",
    ),
    CommandSpec(
        "experiment.tune",
        "Tune learning rates",
        ("T",),
        tip="Try the same 15 learning rates in every lane, on the same budget",
    ),
    CommandSpec(
        "experiment.keep_best",
        "Keep the best of each sweep",
        ("Shift+T",),
        tip="Give every lane with a sweep the values that are best at the cursor",
    ),
    CommandSpec(
        "experiment.about_lane",
        "About this optimizer…",
        ("I",),
        tip="Formula, cost, knobs and source of the selected lane's optimizer",
    ),
    CommandSpec("experiment.restart", "Run again from the start", ("Ctrl+R",), icon="reset"),
    CommandSpec(
        "view.palette",
        "Search commands…",
        ("Ctrl+Shift+P",),
        icon="search",
        tip="Find any command, problem or optimizer by name",
    ),
    CommandSpec("view.log_scale", "Logarithmic landscape", ("L",), checkable=True, gap=True),
    CommandSpec(
        "view.arrows",
        "Arrows inside the step",
        ("A",),
        icon="arrows",
        checkable=True,
        tip="Draw the parts of the selected run's next step on the landscape",
    ),
    CommandSpec(
        "view.basins",
        "Basin map of the selected rule",
        ("M",),
        checkable=True,
        tip="Which optimum the rule reaches from every start of the landscape",
    ),
    CommandSpec(
        "view.critical",
        "Critical points of the landscape",
        ("C",),
        checkable=True,
        tip="Mark minima, saddles and maxima of the surface that is shown",
    ),
    CommandSpec("view.reset_view", "Show the whole landscape", ("Ctrl+0",)),
    CommandSpec("view.theme", "Light theme", ("Ctrl+Shift+T",), checkable=True, gap=True),
    CommandSpec("view.full_screen", "Full screen", ("F11",), checkable=True),
    CommandSpec("view.reset_layout", "Default layout", ("Shift+F10",)),
    CommandSpec("help.shortcuts", "Keyboard shortcuts", ("F1", "Ctrl+Alt+/")),
    CommandSpec("help.system", "About this machine", tip="Versions, device, OpenGL"),
    CommandSpec("help.about", "About Landscape Lab", ("Ctrl+/",)),
)

MENUS = ("File", "Edit", "Experiment", "View", "Help")


class Actions(QObject):
    """The commands as Qt actions."""

    def __init__(self, groups: Mapping[str, QObject], theme: Theme, parent: QObject):
        """Make an action for each command.

        Args:
            groups: menu -> the object that has a method for each of its commands.
            theme: whose colours the icons take.
            parent: the window.
        """
        super().__init__(parent)
        self._actions: dict[str, QAction] = {}
        for spec in COMMANDS:
            action = QAction(spec.text, self)
            action.setObjectName(spec.name)
            action.setShortcuts([QKeySequence(key) for key in spec.keys])
            action.setCheckable(spec.checkable)
            shown = QKeySequence(spec.keys[0]) if spec.keys else None
            keys = shown.toString(QKeySequence.SequenceFormat.NativeText) if shown else ""
            action.setToolTip(f"{spec.tip or spec.text.rstrip('…')}{f'  ({keys})' if keys else ''}")
            menu, _, method = spec.name.partition(".")
            action.triggered.connect(getattr(groups[menu], method))
            self._actions[spec.name] = action
        self.tint(theme)

    def __getitem__(self, name: str) -> QAction:
        """The action of a command."""
        return self._actions[name]

    def __contains__(self, name: str) -> bool:
        """Whether there is a command of that name."""
        return name in self._actions

    def __iter__(self) -> Iterator[QAction]:
        """All actions, in the order of the table."""
        return iter(self._actions.values())

    def of_menu(self, menu: str) -> list[tuple[QAction, bool]]:
        """The actions of a menu, each with whether a line goes above it."""
        prefix = f"{menu.lower()}."
        return [
            (self._actions[spec.name], spec.gap)
            for spec in COMMANDS
            if spec.name.startswith(prefix)
        ]

    def tint(self, theme: Theme) -> None:
        """Draw the icons in the colours of a theme."""
        for spec in COMMANDS:
            if spec.icon:
                colour = theme.on_accent if spec.name == "experiment.play" else ""
                self._actions[spec.name].setIcon(icon(spec.icon, theme, colour))
                self._actions[spec.name].setIconVisibleInMenu(False)
