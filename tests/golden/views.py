#!/usr/bin/env python3
"""What torchvision makes of two pictures, for the tests of `src/train/views`.

    python3 tests/golden/views.py      (torch 2.11.0, torchvision 0.26.0, safetensors)

Writes `views.safetensors` beside itself: `images` (bytes, [2, 32, 32, 3]), and for each operation its parameters, a row
for each picture, and its outcome (fp32, [2, 32, 32, 3]).
"""
import pathlib

import torch
import torchvision.transforms.functional as F
from safetensors.torch import save_file

SIDE = 32


def images():
    """A smooth pattern with edges, and colourful noise with black, grey and white in it."""
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    pattern = torch.stack([x * 8 + y // 2, y * 8 % 256, (x * y) % 200 + 40 * (x > y)], -1).clamp(0, 255)
    noise = torch.randint(0, 256, (SIDE, SIDE, 3), generator=torch.Generator().manual_seed(1))
    noise[:4, :8], noise[4:8, :8], noise[8:12, :8] = 0, 255, 77
    return torch.stack([pattern, noise]).to(torch.uint8)


def crop(x, top, left, height, width):
    return F.resized_crop(x, int(top), int(left), int(height), int(width), [SIDE, SIDE], antialias=True)


def jitter(x, *steps):
    """`steps`: number of the operation and its factor, four times."""
    operations = [F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue]
    for operation, factor in zip(steps[::2], steps[1::2]):
        x = operations[int(operation)](x, factor)
    return x


def all_of_them(x, *parameters):
    x = F.hflip(F.rotate(crop(x, *parameters[:4]), parameters[4]))
    x = F.gaussian_blur(jitter(x, *parameters[5:13]), 3, parameters[13])
    return F.solarize(x, parameters[14])


OPERATIONS = {
    "crop": (crop, [[3, 5, 20, 17], [0, 9, 32, 23]]),
    "small_crop": (crop, [[27, 0, 5, 9], [14, 30, 1, 2]]),
    "rotate": (F.rotate, [[11.3], [-37.7]]),
    "brightness": (F.adjust_brightness, [[1.37], [0.61]]),
    "contrast": (F.adjust_contrast, [[0.63], [1.39]]),
    "saturation": (F.adjust_saturation, [[1.38], [0.15]]),
    "hue": (F.adjust_hue, [[0.097], [-0.43]]),
    "jitter": (jitter, [[3, 0.07, 1, 1.3, 0, 0.7, 2, 1.2], [2, 0.7, 3, -0.1, 1, 0.8, 0, 1.4]]),
    "grey": (lambda x: F.rgb_to_grayscale(x, 3), [[], []]),
    "blur_3": (lambda x, sigma: F.gaussian_blur(x, 3, sigma), [[0.4], [1.9]]),
    "blur_9": (lambda x, sigma: F.gaussian_blur(x, 9, sigma), [[1.1], [2.0]]),
    "solarise": (F.solarize, [[0.4], [0.4]]),
    "all": (all_of_them, [[2, 3, 20, 25, -8.9, 1, 1.2, 0, 0.8, 3, 0.05, 2, 1.3, 0.9, 0.6],
                          [5, 0, 27, 22, 13.1, 3, -0.02, 2, 0.9, 1, 0.7, 0, 1.1, 1.7, 0.6]]),
}

if __name__ == "__main__":
    pictures = images()
    tensors = {"images": pictures}
    for name, (operation, parameters) in OPERATIONS.items():
        rows = [operation(F.convert_image_dtype(p.permute(2, 0, 1)), *q).permute(1, 2, 0) for p, q in zip(pictures, parameters)]
        tensors[name] = torch.stack(rows).contiguous()
        tensors[f"{name}.parameters"] = torch.tensor(parameters, dtype=torch.float32)
    tensors.pop("grey.parameters")
    save_file(tensors, pathlib.Path(__file__).with_suffix(".safetensors"))
