"""The services of a small boutique: one program that plays the role that its environment names.

They speak gRPC to one another, with JSON as messages so that no generated code is needed, and each has gRPC's health
service, which its probes ask. The page speaks HTTP, the store of carts a line protocol over TCP.
"""

from __future__ import annotations

import json
import os
import socket
import socketserver
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import grpc

ADDRESS = os.environ["POD_IP"]
PACKAGE = "boutique"
PRODUCTS = {"OLJ": ("sunglasses", 19.99), "66V": ("tank top", 18.99), "1YM": ("watch", 109.99)}
RATES = {"USD": 1.0, "EUR": 0.9, "JPY": 150.0}

Method = Callable[[Any], Any]


def ask(variable: str, service: str, method: str, request: Any) -> Any:
    """Call a method of the service whose address the environment names. Raises grpc.RpcError."""
    with grpc.insecure_channel(os.environ[variable]) as channel:
        call = channel.unary_unary(f"/{PACKAGE}.{service}/{method}", json_bytes, json.loads)
        return call(request, timeout=5)


def json_bytes(value: Any) -> bytes:
    """A message on the wire."""
    return json.dumps(value).encode()


def serve_grpc(service: str, methods: dict[str, Method]) -> None:
    """Serve methods, and the health service: one field, which says SERVING."""
    rpc = grpc.unary_unary_rpc_method_handler
    own = {name: rpc(lambda request, _, run=run: run(request), json.loads, json_bytes) for name, run in methods.items()}
    health = {"Check": rpc(lambda _request, _: b"\x08\x01")}
    server = grpc.server(ThreadPoolExecutor(8))
    handlers = ((f"{PACKAGE}.{service}", own), ("grpc.health.v1.Health", health))
    server.add_generic_rpc_handlers(tuple(grpc.method_handlers_generic_handler(name, made) for name, made in handlers))
    server.add_insecure_port(f"{ADDRESS}:{os.environ['PORT']}")
    server.start()
    server.wait_for_termination()


def store(line: str) -> str:
    """Send one line to the store of carts, and read one."""
    host, _, port = os.environ["REDIS_ADDR"].rpartition(":")
    host = os.environ.get("REDIS_CART_SERVICE_HOST", host)
    with socket.create_connection((host, int(port)), 5) as connection, connection.makefile("rw") as stream:
        stream.write(f"{line}\n")
        stream.flush()
        return stream.readline().strip()


def add_item(request: Any) -> Any:
    """cartservice: one more of a product."""
    return json.loads(store(f"ADD {request['user']} {request['product']}"))


def get_cart(request: Any) -> Any:
    """cartservice: what a user has chosen."""
    return json.loads(store(f"GET {request['user']}"))


class Carts(socketserver.StreamRequestHandler):
    """redis-cart: carts in memory; a line in, a line of JSON out."""

    content: dict[str, list[str]] = {}  # noqa: RUF012 - shared by all connections

    def handle(self) -> None:
        """Answer one client."""
        for line in self.rfile:
            command, user, *more = line.decode().split()
            cart = self.content.setdefault(user, [])
            if command == "ADD":
                cart += more
            self.wfile.write(json_bytes(cart) + b"\n")


class Page(BaseHTTPRequestHandler):
    """frontend: products in a currency, and a cart."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Find the page."""
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        pages = {"/": self.products, "/cart": self.cart, "/_healthz": lambda _: "ok"}
        try:
            self.answer(pages[url.path](query) if url.path in pages else None, 200 if url.path in pages else 404)
        except grpc.RpcError as error:
            self.answer({"unavailable": error.code().name}, 503)

    def products(self, query: dict[str, str]) -> Any:
        """Every product with its price."""
        found = ask("PRODUCT_CATALOG_SERVICE_ADDR", "ProductCatalogService", "ListProducts", {})
        to = query.get("currency", "USD")
        wanted = {"prices": {product["id"]: product["price"] for product in found}, "to": to}
        return ask("CURRENCY_SERVICE_ADDR", "CurrencyService", "Convert", wanted)

    def cart(self, query: dict[str, str]) -> Any:
        """What is in the cart, after `add` was put into it."""
        user = {"user": query.get("user", "guest")}
        if product := query.get("add"):
            return ask("CART_SERVICE_ADDR", "CartService", "AddItem", {**user, "product": product})
        return ask("CART_SERVICE_ADDR", "CartService", "GetCart", user)

    def answer(self, content: Any, status: int) -> None:
        """Send JSON."""
        body = json_bytes(content)
        self.send_response(status)
        for name, value in (("content-type", "application/json"), ("content-length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """Keep quiet: proxies write the access log."""


def main(role: str) -> None:
    """Serve until the end."""
    match role:
        case "frontend":
            ThreadingHTTPServer((ADDRESS, int(os.environ["PORT"])), Page).serve_forever()
        case "redis-cart":
            socketserver.ThreadingTCPServer((ADDRESS, 6379), Carts).serve_forever()
        case "cartservice":
            serve_grpc("CartService", {"AddItem": add_item, "GetCart": get_cart})
        case "currencyservice":
            serve_grpc(
                "CurrencyService", {"Convert": lambda r: {k: v * RATES[r["to"]] for k, v in r["prices"].items()}}
            )
        case "productcatalogservice":
            listed = [{"id": key, "name": name, "price": price} for key, (name, price) in PRODUCTS.items()]
            serve_grpc("ProductCatalogService", {"ListProducts": lambda _: listed})
        case _:
            raise SystemExit(f"no role {role}")


if __name__ == "__main__":
    main(sys.argv[1])
