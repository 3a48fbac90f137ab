#!/usr/bin/env bash
# Runs the whole test suite, the GPU tests included: bash tests/run.sh [arguments for cargo test]
#
# Where there is no GPU, the tests run on lavapipe, Mesa's Vulkan driver for the CPU. If nothing that speaks Vulkan is
# found, this installs lavapipe and the Vulkan loader with the system's package manager, and says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'tests/run.sh: %s\n' "$*" >&2; }

fail() {
    say "error: $1"
    shift
    for line in "$@"; do say "  $line"; done
    exit 1
}

# The loader, libvulkan.so.1. Not every ldconfig is on PATH, and musl's has no -p, so the usual folders are looked at too.
has_loader() {
    local folder libraries
    libraries=$(PATH="$PATH:/usr/sbin:/sbin" ldconfig -p 2>/dev/null || true)
    if [[ $libraries == *libvulkan.so.1* ]]; then return 0; fi
    local IFS=:
    for folder in ${LD_LIBRARY_PATH:-} /usr/lib /usr/lib64 /usr/local/lib /lib "/usr/lib/$(uname -m)-linux-gnu"; do
        if [[ -e $folder/libvulkan.so.1 ]]; then return 0; fi
    done
    return 1
}

# The drivers' manifests, one a line. As for the loader, VK_DRIVER_FILES replaces the usual folders.
manifests() {
    local entry chosen="${VK_DRIVER_FILES:-${VK_ICD_FILENAMES:-}}"
    local usual="/etc/vulkan/icd.d:/usr/share/vulkan/icd.d:/usr/local/share/vulkan/icd.d"
    usual+=":${XDG_DATA_HOME:-${HOME:-}/.local/share}/vulkan/icd.d:${VK_ADD_DRIVER_FILES:-}"
    local IFS=:
    for entry in ${chosen:-$usual}; do
        if [[ -d $entry ]]; then
            find "$entry/" -maxdepth 1 -name '*.json'
        elif [[ -f $entry ]]; then
            printf '%s\n' "$entry"
        fi
    done
}

# A driver for the CPU always has an adapter; one for a GPU only where there is a GPU's device file.
has_driver() {
    local found device
    found=$(manifests)
    if [[ -z $found ]]; then return 1; fi
    if grep -qiE '/(lvp|[^/]*swiftshader)[^/]*$' <<<"$found"; then return 0; fi
    for device in /dev/dri/renderD* /dev/nvidia[0-9]* /dev/dxg /dev/kgsl-3d0 /dev/mali0; do
        if [[ -e $device ]]; then return 0; fi
    done
    return 1
}

has_adapter() {
    case $(uname -s) in
        Linux) has_loader && has_driver ;;
        *) return 0 ;; # Metal is part of macOS, DirectX 12 with its software adapter part of Windows.
    esac
}

# The command that installs lavapipe and the loader here, in one line; nothing for a package manager unknown to us.
install_command() {
    if command -v apt-get >/dev/null; then
        echo "apt-get install -y --no-install-recommends mesa-vulkan-drivers libvulkan1"
    elif command -v dnf >/dev/null; then
        echo "dnf install -y mesa-vulkan-drivers vulkan-loader"
    elif command -v pacman >/dev/null; then
        echo "pacman -S --needed --noconfirm vulkan-swrast vulkan-icd-loader"
    elif command -v apk >/dev/null; then
        echo "apk add mesa-vulkan-swrast vulkan-loader"
    fi
}

install_lavapipe() {
    local command
    command=$(install_command)
    if [[ -n ${VK_DRIVER_FILES:-${VK_ICD_FILENAMES:-}} ]]; then
        fail "no driver that can run here in VK_DRIVER_FILES or VK_ICD_FILENAMES: ${VK_DRIVER_FILES:-$VK_ICD_FILENAMES}" \
            "Unset it to use the drivers of this system, or let it name a manifest such as" \
            "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json (Mesa's software driver, with its loader)."
    elif [[ -z $command ]]; then
        fail "there is no Vulkan adapter, and no package manager that this script knows (apt-get, dnf, pacman, apk)." \
            "Install Mesa's software Vulkan driver (lavapipe) and the Vulkan loader (libvulkan.so.1), then run this again." \
            "The tests that need no GPU run without them: cargo test --locked"
    fi

    local as_root=(env DEBIAN_FRONTEND=noninteractive)
    if [[ $(id -u) != 0 ]]; then
        if ! command -v sudo >/dev/null; then
            fail "there is no Vulkan adapter, and installing a driver needs root. As root:" "$command"
        fi
        as_root=(sudo "${as_root[@]}")
    fi
    say "no Vulkan adapter found; installing Mesa's software Vulkan driver and the Vulkan loader"
    if [[ $command == apt-get* ]]; then
        say "running: ${as_root[*]} apt-get update"
        # One list out of reach does not matter if the packages are in another: installing is what decides.
        "${as_root[@]}" apt-get update >&2 || say "apt-get update failed; trying with the lists that are there"
    fi
    say "running: ${as_root[*]} $command"
    # shellcheck disable=SC2086  # the command is split into its words
    if ! "${as_root[@]}" $command >&2; then
        fail "the driver could not be installed. Do it by hand, as root, then run this again:" "$command"
    fi
    if ! has_adapter; then
        fail "the packages are installed, but there is still no Vulkan loader, or no driver for the CPU." \
            "Look for libvulkan.so.1, and for lvp_icd*.json in /usr/share/vulkan/icd.d."
    fi
}

if ! has_adapter; then
    install_lavapipe
fi

# With this, a GPU test that finds no adapter fails, where it would otherwise be skipped.
export THALWEG_REQUIRE_GPU=1
# Mesa's device-select layer complains on standard error where there is no desktop session.
export NODEVICE_SELECT=1
# Parquet is a feature that is off by default; its zstd is built from C. Without a C compiler all else is tested.
features=(--features parquet)
if ! command -v "${CC:-cc}" >/dev/null && ! command -v clang >/dev/null && ! command -v gcc >/dev/null; then
    say "no C compiler found: Parquet is not tested"
    features=()
fi
# The dev profile is optimised already (see Cargo.toml), and has every check on.
cargo test --locked "${features[@]}" "$@"
if [[ $# == 0 ]]; then
    for example in own_data own_loss; do
        for device in cpu gpu; do
            say "running the example $example on $device"
            cargo run --quiet --locked "${features[@]}" --example "$example" "$device"
        done
    done
fi
