"""Make the script of Vega that reports carry: one file, from what vl-convert holds.

``make vega`` runs it, after a new version of vl-convert. It writes ``vega.js.gz`` (the bundle of
Vega, Vega-Lite, Vega-Embed and the interpreter of expressions) and ``vega.json`` (versions, the
hash that the pages' policy names). The names of the bundle stay inside a function: its constants
would meet those of other scripts of a page. Nothing is downloaded.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import sys
from importlib.metadata import version
from pathlib import Path

import vl_convert

from heliotrope.report.charts.spec import VEGA_LITE

FOLDER = Path(__file__).parents[1] / "src" / "heliotrope" / "report" / "charts" / "vega"
OFFERED = "window.heliotropeVega = { embed: vegaEmbed };"


def main() -> None:
    """Write the bundle and what is known of it."""
    bundle = vl_convert.javascript_bundle(OFFERED, vl_version=VEGA_LITE)
    script = "(() => {\n" + bundle.strip() + "\n})();\n"
    (FOLDER / "vega.js.gz").write_bytes(gzip.compress(script.encode(), 9, mtime=0))
    known = {
        "vega": vl_convert.get_vega_version(),
        "vega_lite": VEGA_LITE,
        "vega_embed": vl_convert.get_vega_embed_version(),
        "vl_convert": version("vl-convert-python"),
        "sha256": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    (FOLDER / "vega.json").write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(f"vega.js.gz: {(FOLDER / 'vega.js.gz').stat().st_size / 1e3:.0f} kB\n")


if __name__ == "__main__":
    main()
