import platform

import numpy
import torch

from lab.engine.versions import versions


def test_versions_of_all_that_computes():
    found = versions()
    assert found["python"] == platform.python_version()
    assert found["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert found["numpy"] == numpy.__version__
    assert set(found) == {"python", "landscape-lab", "torch", "numpy", "scipy"}
