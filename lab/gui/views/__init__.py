"""The views, in the order of the window: the landscape, then the panels beside it."""

from lab.gui.views.barriers import Barriers
from lab.gui.views.connectivity import Connectivity
from lab.gui.views.critical import Critical
from lab.gui.views.curves import Curves
from lab.gui.views.inside import InsideStep
from lab.gui.views.landscape import Landscape
from lab.gui.views.layer_spectra import LayerSpectra
from lab.gui.views.numbers import Numbers
from lab.gui.views.race import Race
from lab.gui.views.roughness import Roughness
from lab.gui.views.series import AlongRun
from lab.gui.views.slices import Slices
from lab.gui.views.spectrum import Spectrum
from lab.gui.views.stability import Stability
from lab.gui.views.sweep import Sweep
from lab.gui.views.topology import Topology

VIEWS = (
    Landscape,
    Curves,
    Spectrum,
    LayerSpectra,
    Stability,
    Roughness,
    Slices,
    Topology,
    Connectivity,
    Barriers,
    AlongRun,
    InsideStep,
    Numbers,
    Race,
    Critical,
    Sweep,
)
