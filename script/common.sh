# Sourced by the scripts beside it: finds Python, makes the virtual environment, installs the locked packages.
# Written for bash 3.2 (macOS) and later. Overrides: PYTHON (an interpreter), METERAI_VENV (a folder).

# Certificates of the system, as pip and curl use them: a company's own authority is trusted there.
export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-1}

checkout=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
export METERAI_CALLED_FROM="$PWD"
cd -- "$checkout" || exit 1
venv=${METERAI_VENV:-$checkout/.venv}
case $venv in /*) ;; *) venv=$METERAI_CALLED_FROM/$venv ;; esac
making=$venv/.meterai-making   # there while the folder is being made: if it outlives that, the making was killed
stamp=$venv/.meterai-installed # which requirement file is installed, with its checksum

fail() { # message, cure
    printf '\n%s\n  Cure: %s\n' "$1" "$2" >&2
    exit 1
}

step() { # name, command...: shows the name, the time, and the output only when it fails
    local name=$1 began=$SECONDS output
    shift
    printf '%s … ' "$name" >&2
    if output=$("$@" 2>&1); then
        printf '%s s\n' "$((SECONDS - began))" >&2
    else
        printf 'failed\n%s\n' "$output" >&2
        return 1
    fi
}

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() { # sets $python
    local names=(python3.13 python3.12 python3.11 python3 python3.14 python)
    [ -z "${PYTHON:-}" ] || names=("$PYTHON")
    for python in "${names[@]}"; do
        # Trying and not only looking: a version manager may list names that do not work.
        if is_new_enough "$python"; then
            python=$(command -v "$python")
            return
        fi
    done
    fail "There is no Python 3.11 or newer here${PYTHON:+: PYTHON=$PYTHON is none}." \
        "install one (Debian 12, Ubuntu 24.04: apt install python3 python3-venv), or name it: PYTHON=/path/to/python3"
}

any_python() { # sets $python to that of the virtual environment, or to one that can make it
    python=$venv/bin/python
    is_new_enough "$python" || find_python
}

check_venv_module() {
    "$python" -c 'import venv, ensurepip' >/dev/null 2>&1 || fail \
        "$python cannot make virtual environments: its modules venv and ensurepip are missing." \
        "install them (Debian, Ubuntu: apt install python3-venv), or name another interpreter: PYTHON=/path/to/python3"
}

checksum() { # of a requirement file and the interpreter that reads it
    "$venv/bin/python" - "$1" <<'PYTHON'
import hashlib, sys
print(hashlib.sha256(open(sys.argv[1], "rb").read() + sys.version.encode()).hexdigest())
PYTHON
}

is_installed() { # requirement file: is it what the stamp says?
    [ -f "$stamp" ] && [ ! -e "$making" ] && is_new_enough "$venv/bin/python" || return 1
    [ "$(cat "$stamp")" = "$1 $(checksum "$1")" ]
}

make_venv() {
    if [ -e "$making" ] || { [ -f "$venv/pyvenv.cfg" ] && ! is_new_enough "$venv/bin/python"; }; then
        echo "The virtual environment is half made or its Python is gone: making it anew." >&2
        rm -rf -- "$venv"
    elif [ -n "$(ls -A "$venv" 2>/dev/null)" ] && [ ! -f "$venv/pyvenv.cfg" ]; then
        fail "$venv is not a virtual environment, and it is not empty." "name another folder in METERAI_VENV"
    fi
    [ -f "$venv/pyvenv.cfg" ] && return
    find_python
    check_venv_module
    mkdir -p -- "$venv" 2>/dev/null || fail "Cannot write to $venv." "give the checkout to your user, or set METERAI_VENV"
    : >"$making"
    step "virtual environment with $python" "$python" -m venv "$venv" ||
        fail "The virtual environment could not be made." "see the lines above; is there space on the disk?"
}

pip_install() { "$venv/bin/python" -m pip install --disable-pip-version-check -q --require-hashes -r "$1"; }

uv_sync() { VIRTUAL_ENV=$venv "$venv/bin/uv" pip sync -q --require-hashes "$1"; }

install_uv() { # at the version and with the hashes that requirements.txt names
    local only=$venv/uv-requirement.txt
    awk '/^[^ ]/ { on = /^uv==/ } on' requirements.txt >"$only"
    pip_install "$only"
}

install() { # requirement file
    : >"$making"
    # uv keeps its downloads under HOME, which a service user may lack.
    [ -w "${HOME:-/nonexistent}" ] || export UV_CACHE_DIR="$venv/cache" PIP_NO_CACHE_DIR=1
    [ -n "${HOME:-}" ] || export HOME=/nonexistent
    export UV_LINK_MODE=${UV_LINK_MODE:-copy} # copied: cache and checkout may lie on two disks
    if ! { [ -x "$venv/bin/uv" ] || step "uv" install_uv; } || ! step "packages of $1" uv_sync "$1"; then
        step "packages of $1, by pip" pip_install "$1" || fail "The packages could not be installed." \
            "is this machine connected to a package index? A mirror can be named in PIP_INDEX_URL and UV_INDEX_URL"
    fi
    printf '%s' "$1 $(checksum "$1")" >"$stamp"
    rm -f -- "$making"
}

alone() { # one install at a time. The lock is on the open file 9: it ends with this shell and all it has started.
    any_python
    exec 9<"$checkout/script/common.sh"
    "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null && return
    echo "Another install is under way; waiting for it." >&2
    "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
}

ensure_packages() { # requirement file: at least those; quick when they are there
    is_installed tests/requirements.txt && return
    [ "$1" = requirements.txt ] && is_installed requirements.txt && return
    alone
    # Tests were run here before: keep their packages, which include the others.
    local wanted=$1
    case $(cat "$stamp" 2>/dev/null) in tests/*) wanted=tests/requirements.txt ;; esac
    if ! is_installed "$wanted"; then
        make_venv
        install "$wanted"
    fi
    exec 9>&-
}

launcher() { exec "$venv/bin/python" -m meterai.embedded "$@"; }
