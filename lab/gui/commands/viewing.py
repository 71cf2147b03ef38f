"""The commands of the View menu: how the window looks."""

from PySide6.QtCore import QObject, Signal, Slot

from lab.gui.state import ViewState


class ViewCommands(QObject):
    """Theme, scale, layout, full screen, the command palette."""

    palette_asked = Signal()
    view_reset = Signal()
    layout_reset = Signal()
    full_screen_switched = Signal(bool)

    def __init__(self, state: ViewState, parent: QObject):
        """Act on what the views have in common."""
        super().__init__(parent)
        self._state = state

    @Slot()
    def palette(self) -> None:
        """Open the command palette."""
        self.palette_asked.emit()

    @Slot(bool)
    def log_scale(self, on: bool) -> None:
        """Draw the landscape on a logarithmic scale, or a linear one."""
        self._state.log_scale = on

    @Slot(bool)
    def arrows(self, on: bool) -> None:
        """Draw the parts of the next step on the landscape, or not."""
        self._state.arrows = on

    @Slot(bool)
    def basins(self, on: bool) -> None:
        """Show which optimum the selected rule reaches from every start, or the landscape alone."""
        self._state.basins = on

    @Slot(bool)
    def critical(self, on: bool) -> None:
        """Mark the critical points of the surface that is shown, or not."""
        self._state.critical = on

    @Slot()
    def reset_view(self) -> None:
        """Show the whole landscape."""
        self.view_reset.emit()

    @Slot(bool)
    def theme(self, light: bool) -> None:
        """Choose the light theme, or the dark one."""
        self._state.dark = not light

    @Slot(bool)
    def full_screen(self, on: bool) -> None:
        """Fill the screen, or go back."""
        self.full_screen_switched.emit(on)

    @Slot()
    def reset_layout(self) -> None:
        """Put all panels back in their place."""
        self.layout_reset.emit()
