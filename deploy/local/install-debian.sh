#!/bin/sh
# Usage (as root): install-debian.sh <package> ...
# Installs Debian packages of servers without starting them as system services: calbus runs its own, privately. While it
# works, a policy file answers "do not start" (101) to the packages' scripts; an administrator's own policy stays untouched.
# Another file tells PostgreSQL's package to make no database of its own; it concerns no one else's.
set -eu
policy=/usr/sbin/policy-rc.d
no_cluster=/etc/postgresql-common/createcluster.d/calbus.conf
mark="written by calbus for the time of an installation"

# One at a time: a second run must not find the first one's policy and then lose it in the middle.
if [ "${CALBUS_INSTALL_LOCKED:-}" != 1 ]; then
  CALBUS_INSTALL_LOCKED=1 exec flock -w 900 /run/lock/calbus-install.lock "$0" "$@"
fi

# A policy with our mark was left by a run that was killed.
ours=
trap 'rm -f $ours' EXIT
trap 'exit 1' HUP INT TERM
if [ ! -e "$policy" ] || grep -q "$mark" "$policy"; then
  ours="$policy"
  printf '#!/bin/sh\n# %s\nexit 101\n' "$mark" > "$policy"
  chmod 755 "$policy"
fi
case " $* " in *" postgresql"*)
  ours="$ours $no_cluster"
  mkdir -p "${no_cluster%/*}"
  printf '# %s\ncreate_main_cluster = false\n' "$mark" > "$no_cluster"
esac
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -q install -y --no-install-recommends -o DPkg::Lock::Timeout=600 "$@"
