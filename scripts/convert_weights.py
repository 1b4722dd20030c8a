#!/usr/bin/python3
"""Turns a PyTorch state dict (.pth, .pt) into safetensors, which tmpq reads: for example the usual FID
port's pt_inception-2015-12-05 into what --feature-net takes. Needs torch and safetensors from PyPI.

    scripts/convert_weights.py IN.pth OUT.safetensors
"""
import argparse
import pathlib
import sys


def fail(message, code=1):
    print(f"convert_weights.py: error: {message}", file=sys.stderr)
    sys.exit(code)


def read_state(path):
    import torch

    try:  # tensors only: a pickle that runs code is refused
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        fail(f"{path}: cannot be read as a file of tensors: {error}")
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not state:
        fail(f"{path}: holds no state dict")
    others = [str(name) for name, value in state.items() if not isinstance(value, torch.Tensor)]
    if others:
        fail(f"{path}: is no state dict: {', '.join(others[:5])} are no tensors")
    return state


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("input", type=pathlib.Path, help="the .pth or .pt file")
    parser.add_argument("output", type=pathlib.Path, help="the .safetensors file to write")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output")
    arguments = parser.parse_args()
    if arguments.output.exists() and not arguments.overwrite:
        fail(f"{arguments.output}: exists; --overwrite replaces it", code=2)
    if not arguments.input.is_file():
        fail(f"{arguments.input}: does not exist")
    from safetensors.torch import save_file

    state = read_state(arguments.input)
    part = arguments.output.with_name(arguments.output.name + ".part")
    save_file({name: value.clone().contiguous() for name, value in state.items()}, str(part))
    part.replace(arguments.output)
    print(f"{arguments.output}: {len(state)} tensors")


if __name__ == "__main__":
    main()
