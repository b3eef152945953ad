"""What `lateen up` shows: where things are, the live table, the verdict of `--once`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from lateen.cli.output import print_data
from lateen.runtime.observe.edges import edges, tcp_edges
from lateen.runtime.observe.scrape import scrape
from lateen.runtime.observe.table import Rates, edge_table, tcp_table
from lateen.runtime.supervisor import Running
from lateen.runtime.traffic import Report

_REFRESH = 1.0
"""Seconds between looks at the metrics."""

_FILE_WIDTH = 200


def show(running: Running, metrics: str, interrupted: Callable[[], bool]) -> None:
    """Print URLs and, on a terminal, keep a live table of edges, until interrupted."""
    console = _console()
    console.print(places(running, metrics))
    if not console.is_terminal:
        sys.stdout.flush()
        while not interrupted():  # not signal.pause(): a signal just before it would be waited for in vain
            time.sleep(0.2)
        return
    rates, tcp_rates = Rates(), Rates()
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while not interrupted():
            scraped = scrape(running.view.proxies)
            found, tcp = edges(scraped), tcp_edges(scraped)
            shown = [edge_table(found, rates.update({key: edge.requests for key, edge in found.items()}))]
            if tcp:
                shown.append(tcp_table(tcp, tcp_rates.update({key: edge.opened for key, edge in tcp.items()})))
            live.update(Group(*(part for table in shown for part in ("", table)), "", "Ctrl-C ends the mesh"))
            time.sleep(_REFRESH)


def places(running: Running, metrics: str) -> Table:
    """Where the mesh can be reached and looked at."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for router, url, host in gateways(running):
        table.add_row(f"gateway {router}", f"{url} (Host: {host})")
    for proxy in running.view.proxies:
        table.add_row(f"admin {proxy.key}", proxy.admin)
    table.add_row("metrics", f"{metrics}/metrics")
    table.add_row("targets (http_sd)", f"{metrics}/targets")
    table.add_row("logs", str(running.files.logs))
    return table


def gateways(running: Running) -> Iterator[tuple[str, str, str]]:
    """Each host that a router serves: its owner, a URL, and the host to ask for."""
    workloads = {workload.key: workload for workload in running.mesh.workloads}
    for proxy in running.view.proxies:
        if proxy.kind != "router":
            continue
        for gateway in running.mesh.gateways:
            if gateway.selector.selects(workloads[proxy.key].labels):
                for server in gateway.servers:
                    scheme = "http" if server.tls is None else "https"
                    for _, host in server.hosts:
                        yield proxy.owner, f"{scheme}://{proxy.entrance}:{server.port}", host


def print_report(outcome: Report, running: Running, style: str) -> None:
    """Print what held and what did not; as text, the edges too."""
    if style in ("json", "yaml"):
        results = [
            {"test": r.test, "name": r.name, "held": r.held, "failures": list(r.failures), "origin": r.origin}
            for r in outcome.results
        ]
        print_data({"version": 1, "held": outcome.held, "results": results}, style)
        return
    console = _console()
    for result in outcome.results:
        console.print(f"{'[green]ok[/green]  ' if result.held else '[red]FAIL[/red]'} {result.test}: ", end="")
        console.print(result.name, markup=False)
        for failure in result.failures:
            console.print(f"     {result.origin}: {failure}", markup=False)
    console.print()
    scraped = scrape(running.view.proxies)
    console.print(edge_table(edges(scraped)))
    if tcp := tcp_edges(scraped):
        console.print()
        console.print(tcp_table(tcp))
    failed = sum(not result.held for result in outcome.results)
    console.print(f"\n{len(outcome.results) - failed} of {len(outcome.results)} expectations held")


def _console() -> Console:
    """A terminal as wide as it is; a file wide enough for every column."""
    return Console(width=None if sys.stdout.isatty() else _FILE_WIDTH, highlight=False)
