"""The app as it is, but for what a browser test changes about it.

It does not import TensorFlow before it is needed: a test that reads no digit would pay for it.
`$MIRROR`, if there is one, is where MNIST comes from, `$MIRROR_SHA256` the checksum of its file.
"""

import os
import sys
from functools import partial
from pathlib import Path
from unittest.mock import patch

from streamlit.web import cli

sys.path.insert(0, str(Path.cwd()))

from core.data import mnist
from core.data.mnist import download_mnist

if "MIRROR" in os.environ:
    mnist.MNIST_DOWNLOAD = mnist.mnist_download_task(
        partial(download_mnist, url=os.environ["MIRROR"], sha256=os.environ["MIRROR_SHA256"])
    )
sys.argv = ["streamlit", "run", "app.py", *sys.argv[1:]]
with patch("pages.widgets.shared.warm_up._load_default", lambda: None):
    cli.main()
