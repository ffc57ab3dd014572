#!/usr/bin/env bash
# Makes sure that a Docker engine answers, for .ci/run: source it, call `start_engine`, and `stop_engine` at the end. An engine that
# answers already is used and left running. Elsewhere, as root on Debian, it is installed if missing and started by hand: a machine for
# tests has no systemd. `start_engine` fails with a sentence, and the last lines of dockerd, where that cannot be.
#
#   DOCKERD_DIR   where the engine keeps everything, its socket included; by default where Debian's own would

engine_pid=
engine_log=

engine_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# An engine may answer and yet be forbidden to start anything: one program of this machine, on a network of its own, shows it.
runs_containers() {
  local name=calbus-trial-$$ program libraries runs=yes
  program=$(type -P true)
  libraries=$(ldd "$program" | grep -o '/[^ ]*') || return 1
  # shellcheck disable=SC2086 # a list of files
  tar -C / -ch "${program#/}" $(printf '%s ' $libraries | sed 's# /# #g; s#^/##') | docker import - "$name" >/dev/null 2>&1 || return 1
  { docker network create "$name" && docker run --rm --network "$name" "$name" "$program"; } >/dev/null 2>&1 || runs=no
  docker network rm "$name" >/dev/null 2>&1 || true
  docker rmi "$name" >/dev/null 2>&1 || true
  [ "$runs" = yes ]
}

install_engine() {
  command -v dockerd >/dev/null && command -v docker >/dev/null && return
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || {
    echo 'No Docker engine answers, and only root on Debian can install one here: start one and try again.' >&2
    return 1
  }
  echo "Installing Docker (Debian's docker.io) …"
  local log policy=/usr/sbin/policy-rc.d installed=yes
  log=$(mktemp)
  # The package starts an engine where it can, which nobody would end: this is how a machine says that it may not.
  if [ -e "$policy" ]; then policy=; else printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"; fi
  { apt-get -qq update && apt-get -qq install -y --no-install-recommends docker.io iptables; } >"$log" 2>&1 </dev/null || installed=no
  [ -z "$policy" ] || rm -f "$policy"
  if [ "$installed" = no ]; then
    echo "Docker cannot be installed; apt-get says:" >&2
    tail -n 15 "$log" >&2
  fi
  rm -f "$log"
  [ "$installed" = yes ]
}

# dockerd wants its control groups mounted, as an init would have done.
mount_control_groups() {
  [ -e /sys/fs/cgroup/cgroup.controllers ] || mountpoint -q /sys/fs/cgroup/devices && return
  local controller
  mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup 2>/dev/null || true
  for controller in $(awk '!/^#/ { print $1 }' /proc/cgroups 2>/dev/null); do
    mkdir -p "/sys/fs/cgroup/$controller" && mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller" 2>/dev/null || true
  done
}

# try_engine [option]...: starts dockerd with these options and waits until it answers, or has ended.
try_engine() {
  local dir=${DOCKERD_DIR:-} place=() second
  if [ -n "$dir" ]; then
    mkdir -p "$dir"
    place=(--data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/docker.pid" --host "unix://$dir/docker.sock")
  fi
  dockerd "${place[@]}" "$@" >"$engine_log" 2>&1 </dev/null &
  engine_pid=$!
  for ((second = 0; second < 60; second += 1)); do
    engine_answers && runs_containers && return
    kill -0 "$engine_pid" 2>/dev/null || break
    sleep 1
  done
  end_dockerd
  return 1
}

end_dockerd() {
  [ -n "$engine_pid" ] || return 0
  kill "$engine_pid" 2>/dev/null || true
  # It ends its containers first.
  for ((second = 0; second < 30; second += 1)); do
    kill -0 "$engine_pid" 2>/dev/null || break
    sleep 1
  done
  kill -KILL "$engine_pid" 2>/dev/null || true
  wait "$engine_pid" 2>/dev/null || true
  engine_pid=
}

start_engine() {
  [ -z "${DOCKERD_DIR:-}" ] || export DOCKER_HOST="unix://$DOCKERD_DIR/docker.sock"
  if engine_answers && runs_containers; then
    echo 'A Docker engine answers: the tests in containers run on it.'
    return
  fi
  install_engine || return 1
  if [ "$(id -u)" != 0 ]; then
    echo 'No Docker engine answers, and only root can start dockerd: start it and try again.' >&2
    return 1
  fi
  echo 'Starting dockerd …'
  engine_log=$(mktemp)
  mount_control_groups
  local legacy
  legacy=$(mktemp -d)
  [ ! -x /usr/sbin/iptables-legacy ] || ln -s /usr/sbin/iptables-legacy "$legacy/iptables"
  # Once more as it is, for what passes by itself; then around what a kernel within a sandbox often lacks: rules of nftables, layered
  # file systems. Without rules of its own containers still reach each other and the host, but no build reaches npm: the last resort.
  if try_engine || try_engine || PATH="$legacy:$PATH" try_engine || PATH="$legacy:$PATH" try_engine --storage-driver=vfs ||
    try_engine --storage-driver=vfs --iptables=false --ip6tables=false; then
    echo "dockerd $(docker version --format '{{.Server.Version}}') answers."
    return
  fi
  echo 'dockerd does not start on this machine, so that the tests in containers cannot run. Its last lines:' >&2
  tail -n 20 "$engine_log" >&2
  return 1
}

# Ends what start_engine started, and nothing else.
stop_engine() {
  end_dockerd
  [ -z "$engine_log" ] || rm -f "$engine_log"
}
