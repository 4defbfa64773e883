"""The origins whose pages may call the local cloud."""

import pytest

from millrace.cli import main
from millrace.local.core.http import Request, Response
from millrace.local.endpoint.origins import OriginError, Origins

PAGE = "http://localhost:5173"
ORIGINS = Origins([PAGE, "HTTPS://app.localhost:443"])


def request(method="POST", path="/", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, path, "", {"host": "127.0.0.1:4566", **named}, b"")


def refused(request):
    return ORIGINS.refusal(request, lambda _: ())


@pytest.mark.parametrize(
    "origin", ["https://shop.example", "null", "*", "localhost:5173", f"{PAGE}/", "http://localhost.shop.example", ""]
)
def test_an_origin_that_is_not_on_this_machine_is_refused_by_name(origin):
    with pytest.raises(OriginError, match=r"as in http://localhost:5173") as error:
        Origins([origin])
    assert str(error.value).startswith(f"{origin!r} is not an origin on this machine")


def test_an_allowed_origin_is_compared_as_a_browser_sends_it():
    assert refused(request(origin="https://app.localhost", sec_fetch_site="cross-site")) is None
    assert refused(request(origin="http://app.localhost")).status == 403


def test_a_preflight_request_of_an_allowed_origin_is_granted():
    sent = {"access_control_request_method": "POST", "access_control_request_headers": "authorization,x-amz-target"}
    granted = dict(ORIGINS.preflight(request("OPTIONS", origin=PAGE, **sent)).headers)
    assert granted["access-control-allow-origin"] == PAGE
    assert granted["access-control-allow-methods"] == "POST"
    assert granted["access-control-allow-headers"] == "authorization,x-amz-target"


def test_the_pages_of_an_allowed_origin_read_responses_and_no_others():
    response = Response(200, b"{}", (("Access-Control-Allow-Origin", "*"), ("x-amzn-requestid", "1")))
    read = dict(ORIGINS.shared(request(origin=PAGE), response).headers)
    assert (read["access-control-allow-origin"], read["access-control-expose-headers"]) == (PAGE, "*")
    assert ORIGINS.shared(request(), response).headers == (("x-amzn-requestid", "1"),)


OWN = {"origin": "http://127.0.0.1:4566", "sec_fetch_site": "same-origin"}


@pytest.mark.parametrize("sent", [OWN, {"sec_fetch_site": "same-origin"}, {"origin": OWN["origin"]}])
def test_a_page_of_the_endpoint_calls_apis_and_loads_addresses_but_signs_nothing(sent):
    """A page of the endpoint can be an object that someone uploaded to a bucket."""
    api = ORIGINS.refusal(request(**sent), lambda _: (), of_api=True)
    assert (api, refused(request("GET", "/bucket/style.css", **sent))) == (None, None)
    signed = [request(**sent), *(request("GET", **sent, **{name: "x"}) for name in ("authorization", "x_amz_target"))]
    assert [refused(each).status for each in signed] == [403] * 3


def test_the_own_origin_of_the_endpoint_can_be_allowed():
    assert Origins([OWN["origin"]]).refusal(request(**OWN), lambda _: ()) is None


def test_an_allowed_origin_does_not_reach_the_kits_own_interface():
    assert refused(request(path="/_millrace/down", origin=PAGE)).status == 403


def test_up_names_an_origin_that_it_cannot_allow(capsys):
    assert main(["up", "--allow-origin", "https://shop.example"]) == 2
    assert "--allow-origin: 'https://shop.example' is not an origin on this machine" in capsys.readouterr().err
