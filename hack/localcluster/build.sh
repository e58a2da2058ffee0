#!/usr/bin/env bash
# Builds bin/localcluster; with a version, such as 1.36, bin/localcluster-1.36 of that Kubernetes. A line is printed every
# few seconds, because the first build compiles all of Kubernetes.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
kubernetes=${1:-}
output=localcluster${kubernetes:+-$kubernetes}
modfile=${kubernetes:+-modfile=versions/$kubernetes.mod}
version=$(go list $modfile -m -f '{{.Version}}' k8s.io/kubernetes)

# kubectl and the servers report their version from these variables; without them they cannot parse each other's.
IFS=. read -r major minor _ <<<"${version#v}"
flags="-s -w"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
	flags+=" -X $package.gitVersion=$version -X $package.gitMajor=$major -X $package.gitMinor=$minor"
	flags+=" -X $package.gitTreeState=clean"
done

mkdir -p ../../bin
go build $modfile -buildvcs=false -ldflags "$flags" -o "../../bin/$output" . &
build=$!
trap 'kill "$build" 2>/dev/null || true' INT TERM

SECONDS=0
next=5
while kill -0 "$build" 2>/dev/null; do
	if ((SECONDS >= next)); then
		echo "building Kubernetes $version from Go modules (first time: about 7 minutes) … $SECONDS s" >&2
		# Every 5 s in the first minute, then every 30 s.
		next=$((SECONDS < 60 ? SECONDS + 5 : SECONDS + 30))
	fi
	sleep 0.2
done
wait "$build"
if [[ $output == localcluster ]]; then ln -sfn localcluster ../../bin/kubectl; fi
