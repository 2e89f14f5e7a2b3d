#!/usr/bin/env bash
# Runs tokenizer_parity.py, or another script of this folder, with the Python of scripts/python-env:
#   tokenizer_parity.sh TOKENIZE_TOOL [SCRIPT]
# Exit status 77: that Python cannot be had here, so nothing was compared.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if ! python=$("$here/../../scripts/python-env"); then
    echo "SKIPPED: scripts/python-env gives no Python, the tokenizer was NOT compared with Hugging Face tokenizers" >&2
    exit 77
fi
if [ -z "${LIMNER_DATA:-}" ] && [ -d "$here/../../../shared/data" ]; then
    export LIMNER_DATA=$here/../../../shared/data
fi
exec "$python" "$here/${2:-tokenizer_parity.py}" "$1"
