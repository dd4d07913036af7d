"""The address where the server tells a browser what is new in a training: `live/RUN`, as JSON.

A page that reran its script every second would cost the training several times as much, on the
same machine, and the server of a classroom thirty times as much again.
"""

from collections.abc import Iterator
from contextlib import suppress

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core import runs
from core.errors import DigitscopeError
from core.plain_json import to_json
from core.runs import Run
from core.watching import MOST_COMPARED, Drawn, seen


async def _live(request: Request) -> Response:
    status, news = await run_in_threadpool(
        _news, request.path_params["run_id"], request.query_params
    )
    return Response(news, status, media_type="application/json")


def _news(run_id: str, wanted: QueryParams) -> tuple[int, str]:
    try:
        run = runs.find(run_id)
        drawn = Drawn(
            log="log" in wanted,
            zoom_top="top" in wanted,
            smooth="smooth" in wanted,
            compare=tuple(_there(wanted.getlist("with")[:MOST_COMPARED])),
        )
        return 200, to_json(seen(run, drawn))
    except DigitscopeError as error:
        return 404, to_json({"error": str(error)})


def _there(names: list[str]) -> Iterator[Run]:
    """The runs of these ids, but for those that were deleted meanwhile."""
    for name in names:
        with suppress(DigitscopeError):
            yield runs.find(name)


ROUTES = [Route("/live/{run_id}", _live)]
