#!/usr/bin/env bash
# Installs what a fresh Debian 12 machine lacks to build and run tmpq: Debian packages by name, LibTorch, and nvcc.
# Quick and silent when everything is there. LibTorch comes from $TORCH_DIR if set, else from the pinned wheel.
#   scripts/setup.sh            everything
#   scripts/setup.sh --core     without LibTorch and nvcc (enough for the `core` preset)
#   scripts/setup.sh --sanitizers as --core, and what scripts/sanitize.sh needs
#   scripts/setup.sh --openvino everything, and OpenVINO, against which tmpq-bench measures whole networks
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  g++ cmake ninja-build ccache git
  libeigen3-dev libhdf5-dev libboost-program-options-dev libboost-context-dev libcxxopts-dev nlohmann-json3-dev
  libpng-dev libgif-dev zlib1g-dev libxxhash-dev libicu-dev libsentencepiece-dev coinor-libcbc-dev
  libopenmpi-dev openmpi-bin
  libgtest-dev libgmock-dev libsimde-dev libbenchmark-dev libdnnl-dev
  dataset-fashion-mnist python3-h5py python3-matplotlib python3-numpy
)
core=false
[[ "${1:-}" != "--core" && "${1:-}" != "--sanitizers" ]] || core=true
$core || packages+=(python3-pip)
[[ "${1:-}" != "--sanitizers" ]] || packages+=(clang-14 clang libomp-14-dev valgrind)

missing=()
for package in "${packages[@]}"; do
  [[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] || missing+=("$package")
done
if ((${#missing[@]})); then
  as_root=()
  [[ $EUID -eq 0 ]] || as_root=(sudo)
  echo "setup: installing Debian packages: ${missing[*]}" >&2
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

! $core || exit 0

# Installs pinned wheels into .deps/NAME where they are not there. The stamp names the pins' hashes, so a changed
# pin installs anew.
install_wheels() {
  local name="$1" pins="scripts/$1.txt" target=".deps/$1" what="$2"
  local stamp="$target/.installed-$(sha256sum "$pins" | cut -c1-16)"
  [[ ! -e "$stamp" ]] || return 0
  echo "setup: installing $what" >&2
  rm -rf "$target" "$target.partial"
  mkdir -p .deps
  /usr/bin/python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --no-deps --no-compile \
    --only-binary=:all: --require-hashes --target "$target.partial" -r "$pins"
  "prune_$name" "$target.partial"
  mv "$target.partial" "$target"
  touch "$stamp"
}
# CPU libraries and headers are all that is linked; the CUDA libraries and the Python parts are 60 % of the size.
prune_libtorch() {
  find "$1/torch/lib" -name 'libtorch_cuda*' -delete
  find "$1" -name '*.py' -delete
  rm -f "$1"/torch/lib/libgomp.so*  # the system's serves LibTorch and tmpq alike: one OpenMP runtime
  rm -rf "$1"/{bin,functorch,torchgen}
}
prune_cuda() { chmod +x "$1"/nvidia/cu13/bin/* "$1"/nvidia/cu13/nvvm/bin/*; }
prune_openvino() { rm -rf "$1"/bin; }

[[ "${1:-}" != "--openvino" ]] || install_wheels openvino "OpenVINO (about 60 MB to download)"

# nvcc: an installed one, else pinned wheels.
if ! command -v nvcc >/dev/null && [[ ! -x "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc" ]]; then
  install_wheels cuda "nvcc (about 90 MB to download)"
fi

if [[ -n "${TORCH_DIR:-}" ]]; then
  [[ -e "$TORCH_DIR/lib/libtorch_cpu.so" || -e "$TORCH_DIR/torch/lib/libtorch_cpu.so" ]] ||
    { echo "setup: TORCH_DIR=$TORCH_DIR holds no lib/libtorch_cpu.so; unset it or name a LibTorch folder" >&2; exit 1; }
  exit 0
fi
install_wheels libtorch "LibTorch (about 550 MB to download)"
