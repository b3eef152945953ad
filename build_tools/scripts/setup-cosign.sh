#!/bin/sh
# cosign, built by Go from its published module into .toolchain/bin: minutes of two cores. One test needs it, that cosign
# and lateen read each other's signatures; the format itself is held by OpenSSL.
set -eu
[ -x .toolchain/bin/cosign ] && exit 0
command -v cosign >/dev/null && exit 0
command -v go >/dev/null || { echo "setup: install Go, or cosign" >&2; exit 1; }
echo "setup: building cosign (a test holds signatures against it)" >&2
mkdir -p .toolchain/cosign .toolchain/bin
cd .toolchain/cosign
[ -e go.mod ] || go mod init cosign >/dev/null 2>&1
export GOFLAGS=-mod=mod CGO_ENABLED=0
go get github.com/sigstore/cosign/v2/cmd/cosign@v2.4.1 >/dev/null 2>&1
go build -trimpath -o ../bin/cosign github.com/sigstore/cosign/v2/cmd/cosign
