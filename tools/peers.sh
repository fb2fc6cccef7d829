#!/bin/sh
# Makes the Python environment of the tests that compare with other implementations (label `peers`) and
# prints its interpreter. The environment is kept as long as tests/peers-requirements.txt stays the same.
set -eu
cd "$(dirname "$0")/.."

requirements=tests/peers-requirements.txt
folder=$PWD/.cache/peers-$(sha256sum $requirements | cut -c1-12)
if [ ! -e "$folder/complete" ]; then
    rm -rf "$folder"
    mkdir -p .cache
    python3 -m venv "$folder" >&2
    "$folder/bin/python" -m pip install --disable-pip-version-check -qq --retries 1 -r $requirements >&2
    touch "$folder/complete"
fi
echo "$folder/bin/python"
