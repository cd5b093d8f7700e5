"""Pictures to calibrate and to check on, prepared as the network wants them."""

import numpy as np
import onnx
from PIL import Image

ENDINGS = {".png", ".jpg", ".jpeg"}
SEED = 20161104


def shape_of(path):
    """The input's shape in an ONNX file, NCHW."""
    model = onnx.load(path, load_external_data=False)
    return [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]


class Preparation:
    """How a picture becomes the input, from the `wisp.*` keys of the file."""

    def __init__(self, path):
        known = {entry.key.removeprefix("wisp."): entry.value for entry in onnx.load(path).metadata_props}
        self.size, self.crop, self.bgr = int(known["size"]), known["resize"] == "crop", known["order"] == "bgr"
        self.shorter = int(known.get("shorter", self.size))
        self.range = float(known["range"])
        self.mean, self.std = (np.float32(known[key].split(",")) for key in ("mean", "std"))

    def tensor(self, image):
        if self.crop:
            scale = self.shorter / min(image.size)
            image = image.resize([round(side * scale) for side in image.size], Image.Resampling.BILINEAR)
            left, top = ((side - self.size) // 2 for side in image.size)
            image = image.crop((left, top, left + self.size, top + self.size))
        else:
            image = image.resize((self.size, self.size), Image.Resampling.BILINEAR)
        pixels = np.asarray(image, np.float32)[:, :, :: -1 if self.bgr else 1] * (self.range / 255)
        return np.ascontiguousarray(((pixels - self.mean) / self.std).transpose(2, 0, 1)[None], np.float32)


def pictures(path, folder, count):
    """`count` tensors of the folder's pictures: each as it is, then seeded cuttings of them."""
    preparation, random = Preparation(path), np.random.default_rng(SEED)
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in ENDINGS)
    if not files:
        raise SystemExit(f"{folder} has no pictures (PNG or JPEG)")
    tensors = []
    for index in range(count):
        with Image.open(files[index % len(files)]) as image:
            image = image.convert("RGB")
        if index >= len(files):
            width, height = (int(side * random.uniform(0.5, 0.95)) for side in image.size)
            left, top = random.integers(image.width - width), random.integers(image.height - height)
            image = image.crop((left, top, left + width, top + height))
        tensors.append(preparation.tensor(image))
    return tensors
