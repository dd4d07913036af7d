"""HTTP endpoint for the picture of a digit: `digit/DATASET/SPLIT/INDEX.png`.

The map shows the digit below the pointer. To send ten thousand pictures in advance would take
megabytes for each visitor; a single one is 300 bytes, and the browser caches it.
"""

from typing import get_args

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.data.mnist import DATASETS
from core.data.statistics import SplitName, split_of
from core.figures.images import digit_sheet_png
from core.utils.errors import DigitscopeError
from pages.widgets.components.map_hover import DIGIT_ADDRESS

_KEEP_S = 24 * 3600


async def _digit(request: Request) -> Response:
    where = request.path_params
    png = await run_in_threadpool(_png, where["dataset"], where["split"], where["index"])
    if png is None:
        return Response("There is no such digit.", 404, media_type="text/plain")
    kept = {"Cache-Control": f"private, max-age={_KEEP_S}"}
    return Response(png, media_type="image/png", headers=kept)


def _png(dataset: str, split: SplitName, index: int) -> bytes | None:
    if dataset not in DATASETS or split not in get_args(SplitName):
        return None
    try:
        digits = split_of(dataset, split)
    except DigitscopeError:
        return None
    return digit_sheet_png(digits.images[index : index + 1], 1) if index < len(digits) else None


DIGIT_ROUTES = [Route(f"/{DIGIT_ADDRESS}/{{dataset}}/{{split}}/{{index:int}}.png", _digit)]
