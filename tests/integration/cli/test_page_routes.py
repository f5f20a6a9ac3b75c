"""What the dashboard's service gives to whom; no browser is needed to ask it."""

import httpx
import pytest

from latbase.cli.page.router import FILES, PLOTLY
from latbase.db.service.running import Service
from tests.studied import SUPERNET

WANTED = {
    "supernet": SUPERNET,
    "configuration_id": "abcd",
    "objectives": ["macs"],
    "evaluations": 1,
    "tactic": "auto",
    "seed": 0,
}


def test_no_web_site_can_launch_a_search_through_the_browser(service: Service) -> None:
    for address in ("launches", "launches/1/stop"):
        answer = httpx.post(f"{service.url}/v1/page/{address}", json=WANTED)
        assert answer.status_code == 401
        assert "operator's token" in answer.json()["message"]


def test_no_web_site_can_show_the_page_as_its_own(service: Service) -> None:
    for name in ("", *FILES, PLOTLY):
        headers = httpx.get(f"{service.url}/ui/{name}").raise_for_status().headers
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["../router.py", "..%2Frouter.py", "secrets.txt"])
def test_only_the_files_of_the_page_are_served(service: Service, name: str) -> None:
    assert httpx.get(f"{service.url}/ui/{name}").status_code == 404
