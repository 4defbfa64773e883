"""Checks the page of `millrace map` in headless Chromium, wide and 390 px, light and dark. Run by `make map-page`."""

import argparse
import html
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROBE = Path(__file__).with_name("map_probe.js")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=5000",
]
FRAME = """<!doctype html><body style="margin: 0">
<iframe src="probed.html" width="{width}" height="{height}" style="border: 0"></iframe>
<script>addEventListener("message", ({{ data }}) => {{
  const pre = document.createElement("pre");
  pre.id = "saw";
  pre.textContent = JSON.stringify(data);
  document.body.append(pre);
}})</script>"""
WINDOWS = {"wide": (1500, 900), "narrow": (390, 844)}
SCHEMES = {"dark": 0, "light": 1}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--chromium", default="chromium")
    parser.add_argument("--out", type=Path, default=ROOT / ".millrace" / "map", help="folder for the screenshots")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    page = options.out / "map.html"
    subprocess.run([sys.executable, "-m", "millrace", "map", "--out", page], cwd=ROOT, check=True)
    for window, size in WINDOWS.items():
        for scheme in SCHEMES:
            found = look(options.chromium, page, window, size, scheme)
            sys.stdout.write(f"{window} {scheme}: {'; '.join(found) or 'ok'}\n")
            if found:
                return 1
    return 0


def look(chromium, page, window, size, scheme):
    (page.parent / "probed.html").write_text(
        page.read_text().replace("</body>", f"<script>{PROBE.read_text()}</script></body>")
    )
    frame = page.parent / "frame.html"
    frame.write_text(FRAME.format(width=size[0], height=size[1]))
    run(chromium, scheme, size, f"--screenshot={page.parent / f'{window}-{scheme}.png'}", page.as_uri())
    dom = run(chromium, scheme, (1600, 1000), "--dump-dom", frame.as_uri())
    found = re.search(r'<pre id="saw">(.*?)</pre>', dom, re.DOTALL)
    return problems(json.loads(html.unescape(found[1])), window, scheme) if found else ["the page reported nothing"]


def run(chromium, scheme, size, *arguments):
    settings = [f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}", f"--window-size={size[0]},{size[1]}"]
    with tempfile.TemporaryDirectory() as profile:
        command = [chromium, *QUIET, *settings, f"--user-data-dir={profile}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def problems(saw, window, scheme):
    if "error" in saw:
        return [saw["error"]]
    expected = {
        "view": window == "wide" or saw["view"] == "narrow",
        "nothing is wider than the window": saw["wider"] <= 0,
        "the background follows the color scheme": saw["paper"] < 0.1 if scheme == "dark" else saw["paper"] > 0.8,
        "text has enough contrast (WCAG AA: 4.5)": saw["contrast"] >= 4.5,
        "every control has a name": saw["nameless"] == 0,
        "an arrow key follows the flow": saw["follows"],
        "an arrow key moves across the flow": len(set(saw["across"])) == 2,
        "Enter selects": saw["chosen"] == "OrderCompleted",
        "an event lists its consumers": "award_points" in saw["details"] and "rate_credit" in saw["details"],
        "its failure paths": "DeadLetters" in saw["details"],
        "its schema": "tracking_id" in saw["details"],
        "upstream and downstream nodes are highlighted": saw["lit"] > 5,
        "Escape lists everything": saw["everything"] > 25,
        "a slash searches": saw["searching"] == "search",
        "a field finds its events": {"OrderCompleted", "ShipmentArranged"} <= set(saw["found"]),
        "a click selects": saw["clicked"] == "award_points",
        "nothing is fetched": saw["fetched"] == [] and saw["refused"] == [],
    }
    shown = {key: value for key, value in saw.items() if key != "details"}
    return [f"failed: {rule} ({shown})" for rule, holds in expected.items() if not holds]


if __name__ == "__main__":
    sys.exit(main())
