#!/usr/bin/env bash
# Stand-ins for the official images, for a machine that reaches a Debian mirror and npm but no container registry: root file systems
# of Debian packages, imported into the local Docker engine as calbus-standin/<name>:local. Prints the environment that makes
# docker-compose.yml use them, so: eval "$(deploy/images/standins.sh)"
#
#   standins.sh [nats] [redis] [rabbitmq] [node]   only these; all four without arguments. An image that is there is kept.
#   standins.sh compose                            docker's compose plugin, for this user
#   REBUILD=1   make them anew        SUITE=sid   from another suite than trixie
#
# Needs root (for file owners and chroot), Debian, a running engine, and npm for the image "node".
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
suite=${SUITE:-trixie}
images=(nats redis rabbitmq node)
tag() { echo "calbus-standin/$1:local"; }
note() { echo "standins: $*" >&2; }
stop() { note "$*"; exit 1; }

declare -A packages=(
  [nats]='nats-server'
  [redis]='redis-server redis-tools'
  [rabbitmq]='rabbitmq-server'
  [node]='libstdc++6 libatomic1'
)
# Of what these depend on, what only serves the packages' installation scripts, which do not run here.
installers='adduser|passwd|base-passwd|login.defs|debconf|dpkg|tar|init-system-helpers|lib(pam|audit|semanage|sepol|python|debconfclient|db5|sqlite3).*|python3.*|tzdata|readline-common|gcc-.*-base'

# --- apt with lists and caches of its own, on the mirror that this machine uses already
prepare_apt() {
  [ -e "$work/sources.list" ] && return
  local mirror
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT)' 'Created-By: Packages' |
    awk '$2 == "main" && $1 ~ /\/debian\/$/ { print $1; exit }')
  [ -n "$mirror" ] || stop "apt's sources name no Debian archive (a path that ends in /debian/, component main): add one and try again."
  mkdir -p "$work"/{state/lists/partial,cache/archives/partial,debs}
  : >"$work/status" # nothing counts as installed
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$work/sources.list"
  own_apt update >&2
}
own_apt() {
  apt-get -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State="$work/state" \
    -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root \
    -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}

# --- root file systems
# unpack <image>: base, the image's packages and what they depend on
unpack() {
  local root=$work/$1 wanted package
  # shellcheck disable=SC2086 # a list of names
  wanted=$(own_apt -s --no-install-recommends install base-files busybox-static ${packages[$1]} |
    awk '/^Inst/ { print $2 }' | grep -vxE "$installers")
  # shellcheck disable=SC2086
  (cd "$work/debs" && own_apt download $wanted >&2)
  mkdir -p "$root"
  for package in $wanted; do
    dpkg-deb --fsys-tarfile "$work/debs/${package}"_*.deb | tar -x -C "$root" --exclude='./usr/share/doc/*' \
      --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' --exclude='*/gconv/*' --exclude='./lib/systemd/*'
  done
  chroot "$root" /usr/bin/busybox --install -s /usr/bin
  mkdir -p "$root"/{etc,root,data} && install -d -m 1777 "$root/tmp"
  printf '%s\n' root:x:0:0::/root:/bin/sh node:x:1000:1000::/home/node:/bin/sh nobody:x:65534:65534::/:/bin/false >"$root/etc/passwd"
  printf '%s\n' root:x:0: node:x:1000: nogroup:x:65534: >"$root/etc/group"
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
}

# entry_point <image> <program>: like the official images', options alone or a configuration file are the program's
entry_point() {
  cat >"$work/$1/usr/bin/docker-entrypoint.sh" <<SCRIPT
#!/bin/sh
case "\${1-}" in '' | -* | *.conf) set -- $2 "\$@" ;; esac
exec "\$@"
SCRIPT
  chmod 755 "$work/$1/usr/bin/docker-entrypoint.sh"
}

# keep <image> <change>...: into the engine, with these Dockerfile instructions
keep() {
  local image=$1 change options=()
  shift
  for change in 'ENTRYPOINT ["docker-entrypoint.sh"]' "LABEL calbus.standin=$suite" "$@"; do options+=(--change "$change"); done
  tar -C "$work/$image" -c . | docker import "${options[@]}" - "$(tag "$image")" >/dev/null
  rm -rf "${work:?}/$image"
  note "$(tag "$image") is made"
}
path_of() { echo "ENV PATH=$1/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"; }

make_nats() {
  unpack nats
  entry_point nats nats-server
  keep nats "$(path_of '')" 'EXPOSE 4222 6222 8222' 'CMD ["nats-server"]'
}

make_redis() {
  unpack redis
  entry_point redis redis-server
  keep redis "$(path_of '')" 'EXPOSE 6379' 'VOLUME /data' 'WORKDIR /data' 'CMD ["redis-server", "--protected-mode", "no"]'
}

make_rabbitmq() {
  unpack rabbitmq
  local root=$work/rabbitmq
  rm -f "$root"/usr/sbin/rabbitmq* # they change the user first, with a program that is not here
  mkdir -p "$root"/etc/rabbitmq/conf.d "$root"/var/{lib,log}/rabbitmq
  printf '%s\n' 'loopback_users.guest = false' 'log.console = true' 'log.file = false' >"$root/etc/rabbitmq/conf.d/10-defaults.conf"
  entry_point rabbitmq rabbitmq-server
  keep rabbitmq "$(path_of /usr/lib/rabbitmq/bin:)" 'ENV HOME=/var/lib/rabbitmq' 'ENV RABBITMQ_LOGS=-' \
    'EXPOSE 4369 5671 5672 25672' 'VOLUME /var/lib/rabbitmq' 'CMD ["rabbitmq-server"]'
}

make_node() {
  unpack node
  local root=$work/node version package
  version=$(sed -n 's/^ *"node": "\([0-9.]*\)".*/\1/p' "$here/../../package.json")
  for package in "node-linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')@$version" npm@11; do
    (cd "$work" && npm pack --silent "$package" >/dev/null) || stop "npm cannot fetch $package: check the network and try again."
  done
  mkdir -p "$root"/usr/local/{bin,lib/node_modules/npm} "$root/etc/ssl/certs"
  install -d -o 1000 -g 1000 "$root/home/node"
  tar -xzf "$work"/node-linux-*.tgz -C "$root/usr/local" --strip-components=1 package/bin/node
  tar -xzf "$work"/npm-*.tgz -C "$root/usr/local/lib/node_modules/npm" --strip-components=1
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/local/bin/npx"
  chmod 755 "$root"/usr/local/lib/node_modules/npm/bin/*.js
  # Whom this machine trusts, the image trusts: the way to npm may lead through a proxy with an authority of its own.
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  cat >"$root/usr/bin/docker-entrypoint.sh" <<'SCRIPT'
#!/bin/sh
# What is no command is something for node to run.
command -v "${1-}" >/dev/null 2>&1 || set -- node "$@"
exec "$@"
SCRIPT
  chmod 755 "$root/usr/bin/docker-entrypoint.sh"
  keep node "$(path_of '')" 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt' 'CMD ["node"]'
}

install_compose() {
  docker compose version >/dev/null 2>&1 && return
  prepare_apt
  local plugins=${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins
  (cd "$work/debs" && own_apt download docker-compose >&2)
  mkdir -p "$plugins"
  dpkg-deb --fsys-tarfile "$work/debs"/docker-compose_*.deb |
    tar -xO ./usr/libexec/docker/cli-plugins/docker-compose >"$plugins/docker-compose"
  chmod 755 "$plugins/docker-compose"
  note "docker compose $(docker compose version --short) is in $plugins"
}

# --- what was asked for
[ "$(id -u)" = 0 ] || stop 'run it as root.'
for program in docker apt-get dpkg-deb; do
  command -v "$program" >/dev/null || stop "$program is missing: install it and try again."
done
docker info >/dev/null 2>&1 || stop 'the Docker engine does not answer: start dockerd and try again.'
work=$(mktemp -d "${TMPDIR:-/var/tmp}/calbus-standins.XXXXXX")
trap 'rm -rf "$work"' EXIT
for image in "${@:-${images[@]}}"; do
  case $image in
    compose) install_compose ;;
    nats | redis | rabbitmq | node)
      if [ "${REBUILD:-}" = 1 ] || ! docker image inspect "$(tag "$image")" >/dev/null 2>&1; then
        prepare_apt
        "make_$image"
      fi
      echo "export ${image^^}_IMAGE=$(tag "$image")"
      ;;
    *) stop "there is no stand-in \"$image\"; there are: ${images[*]}, and compose." ;;
  esac
done
echo 'export PULL_POLICY=never'
