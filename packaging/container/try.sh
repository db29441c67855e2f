#!/bin/sh
# Builds Limner's image and runs it where no registry of images is reached: what mmdebstrap makes of Debian's packages
# stands in for the bases that the Dockerfile names, buildah builds, podman runs. In the repository's root, as root:
#
#   packaging/container/try.sh FOLDER
#
# FOLDER keeps bases, layers and the image for the next time (a few GB). Needs Debian 12 or newer with buildah, podman,
# crun, mmdebstrap and curl, and Node 20 or newer with npm, which go into the base of the client. BUILD_OPTIONS is handed to
# buildah: "--build-arg PACKAGE=server", "--volume /etc/pip.conf:/etc/pip.conf:ro", …
set -eu

mkdir -p "$1"
folder=$(cd "$1" && pwd)
stores="--root $folder/storage --runroot $folder/run"
port=18000
say() { echo "== $*" >&2; }
builder() { buildah $stores "$@"; }
runner() { podman $stores --runtime crun --cgroup-manager cgroupfs "$@"; }

base() { # NAME COMMAND...: an image called NAME of Debian, in which a command was run
  name=$1
  shift
  [ -z "$(builder images --quiet "$name" 2>/dev/null)" ] || return 0
  if [ ! -f "$folder/debian.tar" ]; then
    say "Debian, from its packages"
    mmdebstrap --quiet --variant=minbase --include=ca-certificates,python3,python3-pip bookworm "$folder/part.tar"
    mv "$folder/part.tar" "$folder/debian.tar"
  fi
  say "$name"
  container=$(builder from scratch)
  builder add --quiet "$container" "$folder/debian.tar" / >/dev/null
  # Debian's Python wants to be told that it may be installed into.
  builder config --env PIP_BREAK_SYSTEM_PACKAGES=1 "$container"
  "$@"
  builder commit --quiet --rm "$container" "$name" >/dev/null
}
with_python() { builder run --isolation chroot "$container" ln -s python3 /usr/bin/python; }
with_node() {
  modules=$(npm root --global)
  builder add --quiet "$container" "$(command -v node)" /usr/bin/node >/dev/null
  builder add --quiet "$container" "$modules/npm" /usr/lib/node_modules/npm >/dev/null
  builder run --isolation chroot "$container" ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/bin/npm
}

sed -n 's/^FROM \([^ ]*:[^ ]*\).*/\1/p' packaging/container/Dockerfile | sort -u | while read -r image; do
  case $image in
    node:*) base "docker.io/library/$image" with_node ;;
    python:*) base "docker.io/library/$image" with_python ;;
    *) echo "$image: nothing stands in for it" >&2 && exit 1 ;;
  esac
done

say "the image"
# shellcheck disable=SC2086
builder build --isolation chroot --format docker --layers --pull-never ${BUILD_OPTIONS:-} \
  --ignorefile packaging/container/Dockerfile.dockerignore --file packaging/container/Dockerfile --tag limner .

say "a container that can write to its home and /tmp alone"
runner rm --force --ignore limner >/dev/null
runner volume rm --force limner-try >/dev/null 2>&1 || true
runner run --detach --name limner --network host --cgroups disabled --read-only --tmpfs /tmp --cap-drop ALL \
  --security-opt no-new-privileges --env LIMNER_PORT=$port --volume limner-try:/var/lib/limner limner >/dev/null
trap 'runner logs limner >"$folder/limner.log" 2>&1; runner rm --force limner >/dev/null' EXIT
attempts=0
until python3 -c "import urllib.request as r; r.urlopen('http://127.0.0.1:$port/readyz', timeout=4)" 2>/dev/null; do
  attempts=$((attempts + 1))
  [ $attempts -lt 60 ] || { echo "It is not ready after two minutes." >&2 && exit 1; }
  sleep 2
done
say "as $(runner exec limner id)"
! runner exec limner touch /usr/here 2>/dev/null || { echo "Its file system can be written to." >&2 && exit 1; }
runner healthcheck run limner
api=http://127.0.0.1:$port/api/v1
token=$(runner exec limner limner user token create try)
ask() { curl --silent --show-error --fail --header "Authorization: Bearer $token" "$@"; }
number() { python3 -c "import json, sys; print(json.load(sys.stdin)$1)"; }
project=$(ask --json '{"name": "Tried"}' $api/projects | number '["id"]')
image=$(ask --form files=@docs/images/gallery.jpg "$api/projects/$project/images" | number '["results"][0]["image"]["id"]')
say "image $image is in project $project"
case ${BUILD_OPTIONS:-} in
  *PACKAGE=server*) ;;
  *)
    attempts=0
    until [ "$(ask --output "$folder/embedding" --write-out '%{http_code}' "$api/images/$image/embedding")" = 200 ]; do
      attempts=$((attempts + 1))
      [ $attempts -lt 120 ] || { echo "It is not encoded after two minutes." >&2 && exit 1; }
      sleep 1
    done
    say "its embedding: $(wc -c <"$folder/embedding") bytes"
    ;;
esac

say "it ends when it is told to"
runner stop --time 60 limner >/dev/null
[ "$(runner inspect --format '{{.State.ExitCode}}' limner)" = 0 ] || { echo "It did not end well." >&2 && exit 1; }
say "all of that was as it should be"
