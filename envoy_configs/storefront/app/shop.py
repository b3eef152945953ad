"""The storefront's services: one program that plays the role that its environment names.

It knows nothing of the mesh. It calls its neighbours by name over plain HTTP (through `http_proxy` where the
environment sets one) and hands on the headers that tie a trace together.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import tempfile
from typing import Any

try:
    import httpx
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route
except ImportError as error:
    raise SystemExit(f"the storefront needs {error.name}: pip install 'lateen[demo]'") from error

ROLE = os.environ["ROLE"]
VERSION = os.environ.get("VERSION", "v1")
ADDRESS = os.environ["POD_IP"]
PORT = int(os.environ["PORT"])
FORWARDED = ("x-request-id", "traceparent", "tracestate", "b3", "end-user", "x-canary")

PRODUCTS = ("sextant", "compass", "lantern")
client = httpx.AsyncClient(timeout=10.0, limits=httpx.Limits(max_connections=100))


async def fetch(request: Request, url: str) -> Any:
    """The JSON of a neighbour, or what went wrong: a page with a gap is better than no page."""
    headers = {name: request.headers[name] for name in FORWARDED if name in request.headers}
    try:
        response = await client.get(url, headers=headers)
        response.raise_for_status()
        return response.json()
    except httpx.HTTPStatusError as error:
        return {"unavailable": error.response.status_code}
    except httpx.HTTPError as error:
        return {"unavailable": type(error).__name__}


def answer(**content: Any) -> JSONResponse:
    """Every answer says who gave it."""
    return JSONResponse({"service": ROLE, "version": VERSION, **content}, headers={"x-served-by": f"{ROLE}-{VERSION}"})


async def shop(request: Request) -> JSONResponse:
    """web: the page, put together from three neighbours."""
    catalog, reviews, offers = await asyncio.gather(
        fetch(request, "http://catalog:8080/products"),
        fetch(request, "http://reviews:9080/reviews"),
        fetch(request, "http://offers.partner.example:8080/offers"),
    )
    return answer(catalog=catalog, reviews=reviews, offers=offers)


async def account(request: Request) -> JSONResponse:
    """web: a page that exists per tenant."""
    return answer(tenant=request.headers.get("x-tenant"))


async def products(_request: Request) -> JSONResponse:
    """catalog: products with what is in stock."""
    try:
        reader, writer = await asyncio.open_connection(
            os.environ["STOCK_SERVICE_HOST"], int(os.environ["STOCK_SERVICE_PORT"])
        )
        writer.write("".join(f"{name}\n" for name in PRODUCTS).encode())
        stock = {name: int(await asyncio.wait_for(reader.readline(), 5)) for name in PRODUCTS}
        writer.close()
    except (OSError, ValueError, TimeoutError):
        stock = dict.fromkeys(PRODUCTS, -1)
    return answer(products=stock)


async def reviews(request: Request) -> JSONResponse:
    """reviews: opinions with their ratings."""
    return answer(
        text=["Steady in any sea.", "Points home."], ratings=await fetch(request, "http://ratings:9080/ratings")
    )


async def ratings(_request: Request) -> JSONResponse:
    """ratings: the bare numbers."""
    return answer(ratings=[5, 4])


async def offers(_request: Request) -> JSONResponse:
    """offers: a partner's answer, from outside the mesh."""
    return answer(offers=["half a lantern for the price of one"])


async def health(_request: Request) -> JSONResponse:
    """Every role: ready as soon as it answers."""
    return JSONResponse({"ready": True})


ROUTES = {
    "web": [Route("/", shop), Route("/account", account)],
    "catalog": [Route("/products", products)],
    "reviews": [Route("/reviews", reviews, methods=["GET", "POST"])],
    "ratings": [Route("/ratings", ratings)],
    "offers": [Route("/offers", offers)],
}


async def count_stock(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """stock: a line with a product's name in, a line with its count out."""
    while line := await reader.readline():
        writer.write(f"{3 * len(line.strip())}\n".encode())
        await writer.drain()
    writer.close()


def tls() -> ssl.SSLContext | None:
    """A server context from the PEM texts of the environment, or None."""
    if "TLS_CERT" not in os.environ:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile(mode="w", suffix=".pem") as pem:
        pem.write(os.environ["TLS_CERT"] + "\n" + os.environ["TLS_KEY"])
        pem.flush()
        context.load_cert_chain(pem.name)
    return context


async def serve_stock() -> None:
    """Serve the stock protocol until ended."""
    server = await asyncio.start_server(count_stock, ADDRESS, PORT)
    await server.serve_forever()


def main() -> None:
    """Serve the role that the environment names."""
    if ROLE == "stock":
        asyncio.run(serve_stock())
        return
    app = Starlette(routes=[*ROUTES[ROLE], Route("/health", health)])
    config = uvicorn.Config(app, host=ADDRESS, port=PORT, log_level="warning")
    config.load()
    config.ssl = tls()
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
