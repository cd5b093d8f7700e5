"""Writes tests/data/vision/pillow.txt: hashes of pictures that Pillow has resized.

    pip install pillow==12.0.0 && python scripts/pillow_golden.py > tests/data/vision/pillow.txt

Each picture is made by a generator that tests/vision.rs has too, so none is committed. The hash is
FNV-1a (64 bits) over the resized picture's RGB bytes, row by row. In mode `crop S` the shorter side
is resized to S and the centre is cut out, with torchvision's arithmetic.

From 12.2 on, Pillow runs the vertical pass first for some sizes, which moves single bytes by one. Wisp
keeps the order of the versions before, with which published accuracies were measured: do not raise the pin.
"""

import sys

from PIL import Image


def picture(seed, width, height):
    """Noise over a gradient, from a linear congruential generator."""
    state = seed
    values = bytearray()
    for y in range(height):
        for x in range(width):
            for channel in range(3):
                state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
                noise = state >> 25
                values.append((x * 3 + y * 5 + channel * 40 + noise) & 0xFF)
    return Image.frombytes("RGB", (width, height), bytes(values))


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def crop(image, shorter, width, height):
    w, h = image.size
    if w <= h:
        size = (shorter, int(shorter * h / w))
    else:
        size = (int(shorter * w / h), shorter)
    image = image.resize(size, Image.BILINEAR)
    left = int(round((size[0] - width) / 2.0))
    top = int(round((size[1] - height) / 2.0))
    return image.crop((left, top, left + width, top + height))


WARPS = [
    (640, 480, 224, 224), (1, 1, 7, 5), (7, 5, 1, 1), (224, 224, 224, 224), (224, 100, 224, 224),
    (100, 224, 224, 224), (225, 223, 224, 224), (33, 17, 64, 48), (17, 33, 13, 29), (1000, 3, 10, 11),
    (3, 1000, 11, 10), (1, 300, 5, 7), (300, 1, 7, 5), (448, 448, 224, 224), (447, 449, 224, 224),
    (61, 59, 60, 58), (2, 2, 224, 3), (1920, 108, 227, 227), (53, 47, 16, 16), (99, 101, 17, 1),
    # A filter of 5, 7, 8, 9, 10 and 11 pixels a row, and of very many.
    (40, 9, 16, 5), (56, 9, 16, 5), (64, 9, 16, 5), (70, 9, 16, 5), (80, 9, 16, 5), (85, 9, 16, 5),
    (1920, 1080, 224, 224), (30000, 2, 3, 2), (2, 30000, 2, 3), (5, 4, 400, 300),
]
CROPS = [
    (640, 480, 256, 224, 224), (480, 640, 256, 224, 224), (333, 500, 256, 224, 224), (75, 75, 256, 224, 224),
    (257, 255, 256, 224, 224), (256, 256, 256, 256, 256), (100, 37, 32, 31, 32), (37, 100, 32, 32, 29),
    (101, 99, 50, 33, 44), (19, 23, 64, 63, 61), (300, 200, 97, 96, 90), (200, 300, 97, 90, 97),
]

out = sys.stdout
out.write("# seed, frame width and height, input width and height, shorter side (0: warp), FNV-1a of the result\n")
for seed, (w, h, ow, oh) in enumerate(WARPS, 1):
    image = picture(seed, w, h).resize((ow, oh), Image.BILINEAR)
    out.write(f"{seed} {w} {h} {ow} {oh} 0 {fnv1a(image.tobytes()):016x}\n")
for seed, (w, h, shorter, ow, oh) in enumerate(CROPS, 100):
    image = crop(picture(seed, w, h), shorter, ow, oh)
    out.write(f"{seed} {w} {h} {ow} {oh} {shorter} {fnv1a(image.tobytes()):016x}\n")
