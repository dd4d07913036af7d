"""HTTP endpoint for the state of a training: `live/RUN`, as JSON.

The chart component polls it. To rerun the page's script every second instead would take several
times as much computing time from the training, and thirty times as much again in a classroom.
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


def _news(run_id: str, query: QueryParams) -> tuple[int, str]:
    try:
        run = registry.find_run(run_id)
        options = ChartOptions(
            log="log" in query,
            zoom_top="top" in query,
            smooth="smooth" in query,
            compare=tuple(_existing_runs(query.getlist("with")[:MAX_COMPARED])),
        )
        return 200, to_json(live_view(run, options))
    except DigitscopeError as error:
        return 404, to_json({"error": str(error)})


def _existing_runs(names: list[str]) -> Iterator[Run]:
    """Yield the runs of these ids, without those that were deleted in the meantime."""
    for name in names:
        with suppress(DigitscopeError):
            yield registry.find_run(name)


ROUTES = [Route("/live/{run_id}", _live)]
