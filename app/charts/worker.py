"""The process that draws charts: `python -m app.charts.worker FORMAT LEVEL`, see app/serving/worker.py."""

import msgspec

from app.charts.data import Chart, ChartStyle
from app.serving.worker import Answer, main


class RenderRequest(msgspec.Struct, frozen=True):
    """The body of a request, as MessagePack."""

    chart: Chart
    style: ChartStyle


def _drawing() -> Answer:
    # matplotlib is imported here and in no other process.
    from app.charts.draw import draw  # noqa: PLC0415

    decoder = msgspec.msgpack.Decoder(RenderRequest)

    def drawn(body: bytes) -> bytes:
        request = decoder.decode(body)
        return draw(request.chart, request.style)

    return drawn


if __name__ == "__main__":
    main("chart", _drawing)
