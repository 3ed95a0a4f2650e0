"""A bare Starlette route that reads the same JSON and answers as much, without a model or a log."""

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ANSWER = {
    "prediction_id": "019cae6b660070008000000000000000",
    "score": 71.53,
    "low": 65.5,
    "high": 77.5,
    "source": "model",
    "version": "v1",
    "variant": "champion",
    "latency_ms": 0.1,
}


async def predict(request: Request) -> Response:
    """The same for every body that is JSON."""
    msgspec.json.decode(await request.body())
    return Response(msgspec.json.encode(ANSWER), media_type="application/json")


app = Starlette(routes=[Route("/v1/predict", predict, methods=["POST"])])
