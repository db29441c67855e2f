#!/bin/sh
# Builds Limner's image and runs it where no registry of images is reached: what mmdebstrap makes of Debian's packages
# stands in for the bases that the Dockerfile names, buildah builds, try_run.py runs. In the repository's root, as root:
#
#   packaging/container/try.sh FOLDER
#
# FOLDER keeps bases, layers and the image for the next time (a few GB). Needs Debian 12 or newer with buildah and
# mmdebstrap, and Node 20 or newer with npm, which go into the base of the client. BUILD_OPTIONS is handed to buildah:
# "--build-arg PACKAGE=server", "--volume /etc/pip.conf:/etc/pip.conf:ro", …
set -eu

mkdir -p "$1"
folder=$(cd "$1" && pwd)
stores="--root $folder/storage --runroot $folder/run"
say() { echo "== $*" >&2; }
builder() { buildah $stores "$@"; }

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

exec python3 packaging/container/try_run.py "$folder" ${BUILD_OPTIONS:+$BUILD_OPTIONS}
