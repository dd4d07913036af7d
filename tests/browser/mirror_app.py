"""The app as it is, but for the address that MNIST comes from: for `test_download.py`.

`$MIRROR` is that address, `$MIRROR_SHA256` the checksum of what is there.
"""

import os
import sys
from functools import partial
from pathlib import Path

from streamlit.web import cli

sys.path.insert(0, str(Path.cwd()))

from core import fetching
from core.download import download_mnist

fetching.MNIST = fetching.fetcher(
    partial(download_mnist, url=os.environ["MIRROR"], sha256=os.environ["MIRROR_SHA256"])
)
sys.argv = ["streamlit", "run", "app.py", *sys.argv[1:]]
cli.main()
