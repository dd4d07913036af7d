"""The address where the server tells a browser what is new in a training: `live/RUN`, as JSON.

A page that reran its script every second would cost the training several times as much, on the
same machine, and the server of a classroom thirty times as much again.
"""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core import runs
from core.errors import DigitscopeError
from core.plain_json import to_json
from core.watching import Drawn, seen


async def _live(request: Request) -> Response:
    wanted = request.query_params
    drawn = Drawn(
        log="log" in wanted,
        zoom_top="top" in wanted,
        smooth="smooth" in wanted,
        compare=tuple(wanted.getlist("with")),
    )
    status, news = await run_in_threadpool(_news, request.path_params["run_id"], drawn)
    return Response(news, status, media_type="application/json")


def _news(run_id: str, drawn: Drawn) -> tuple[int, str]:
    try:
        return 200, to_json(seen(runs.find(run_id), drawn))
    except DigitscopeError as error:
        return 404, to_json({"error": str(error)})


ROUTES = [Route("/live/{run_id}", _live)]
