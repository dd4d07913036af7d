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

from core.jobs.live_view import MAX_COMPARED, ChartOptions, live_view
from core.runs import registry
from core.runs.run import Run
from core.utils.errors import DigitscopeError
from core.utils.files import to_json


async def _live(request: Request) -> Response:
    status, news = await run_in_threadpool(
        _news, request.path_params["run_id"], request.query_params
    )
    return Response(news, status, media_type="application/json")


def _news(run_id: str, wanted: QueryParams) -> tuple[int, str]:
    try:
        run = registry.find_run(run_id)
        drawn = ChartOptions(
            log="log" in wanted,
            zoom_top="top" in wanted,
            smooth="smooth" in wanted,
            compare=tuple(_there(wanted.getlist("with")[:MAX_COMPARED])),
        )
        return 200, to_json(live_view(run, drawn))
    except DigitscopeError as error:
        return 404, to_json({"error": str(error)})


def _there(names: list[str]) -> Iterator[Run]:
    """The runs of these ids, but for those that were deleted meanwhile."""
    for name in names:
        with suppress(DigitscopeError):
            yield registry.find_run(name)


ROUTES = [Route("/live/{run_id}", _live)]
