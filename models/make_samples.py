#!/usr/bin/env python3
"""Put the sample pictures into samples/.

    python models/make_samples.py sources/scikit_image-0.26.0-*.whl \\
        sources/usr/share/openclipart/png/transportation/vehicles/aircraft_jarno_vasamaa2.png models/samples

The first argument is a wheel of scikit-image, for whichever machine: the pictures in it are the
same. The second comes from Debian's package openclipart-png; README.md tells how to get it.
"""

import argparse
import hashlib
import io
import sys
import zipfile
from pathlib import Path

from PIL import Image

# Copied as they are, and known by their SHA-256.
PHOTOGRAPHS = {
    "chelsea.png": "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
    "coffee.png": "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
    "rocket.jpg": "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
}
DRAWING_SHA256 = "83cbb8332dec40b238e348df935cfa155bebb58b3119fbb89eb8faf81a92f729"


def checked(data, expected, what):
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        sys.exit(f"{what}: SHA-256 is {found}, expected {expected}")
    return data


def on_white(data):
    """The drawing has a transparent background, which programs fill differently. Fill it here."""
    drawing = Image.open(io.BytesIO(data)).convert("RGBA")
    page = Image.new("RGBA", drawing.size, "white")
    page.alpha_composite(drawing)
    png = io.BytesIO()
    page.convert("RGB").save(png, "PNG", optimize=True)
    return png.getvalue()


def main():
    parser = argparse.ArgumentParser(description="Put the sample pictures into a folder.")
    parser.add_argument("wheel", type=Path, help="a wheel of scikit-image 0.26.0")
    parser.add_argument("drawing", type=Path, help="aircraft_jarno_vasamaa2.png of openclipart-png")
    parser.add_argument("output", type=Path, help="the folder to write to")
    arguments = parser.parse_args()

    with zipfile.ZipFile(arguments.wheel) as wheel:
        pictures = {
            name: checked(wheel.read(f"skimage/data/{name}"), expected, name) for name, expected in PHOTOGRAPHS.items()
        }
    drawing = checked(arguments.drawing.read_bytes(), DRAWING_SHA256, arguments.drawing)
    pictures["airliner.png"] = on_white(drawing)

    arguments.output.mkdir(parents=True, exist_ok=True)
    for name, data in pictures.items():
        (arguments.output / name).write_bytes(data)
        print(f"{name}: {len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
