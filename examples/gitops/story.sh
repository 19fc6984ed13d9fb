#!/bin/sh
# Two people, one repository, one edge: what becomes of good and bad commits. Needs git, curl and routesd on the PATH.
#
#   ./story.sh [FOLDER]      everything is made below FOLDER, a temporary one unless given
set -eu

example=$(cd "$(dirname "$0")" && pwd)
place=${1:-$(mktemp -d)}
cd "$place"

say() { printf '\n# %s\n' "$*"; }
edge() { (cd "$place/edge" && routesd "$@") || echo "(exit $?)"; }
ask() { curl --silent --header "Host: $1" "$url/"; echo; }
push() { # WHO MESSAGE FILE TEXT
  printf '%s\n' "$4" >"$1/routes.d/$3"
  git -C "$1" -c "user.name=$1" -c "user.email=$1@example.com" commit --quiet --all --message "$2"
  git -C "$1" push --quiet origin main
}
start() {
  : >edge/ready
  (cd edge && exec routesd run >ready 2>>log) &
  daemon=$!
  until grep -q '^routesd ready' edge/ready; do
    kill -0 "$daemon" || { cat edge/log; exit 1; }
    sleep 0.1
  done
  url=http://$(sed -n 's/.* http=\([^ ]*\) .*/\1/p' edge/ready)
}

git init --quiet --bare --initial-branch=main routes.git
git clone --quiet routes.git ada 2>/dev/null
cp -R "$example/routes.d" ada/
git -C ada checkout --quiet -B main
git -C ada add routes.d
push ada 'the first routes' hello.yaml 'id: hello.localhost
respond: {status: 200, body: "one"}'
git clone --quiet routes.git ben
mkdir edge
cp "$example/edge.yaml" edge/routesd.yaml

say 'the edge starts, and serves what is in the repository'
start
trap 'kill -9 $daemon 2>/dev/null || true' EXIT
ask hello.localhost

say 'ada pushes; the edge would see it within a minute, sync does not wait for that'
push ada 'two' hello.yaml 'id: hello.localhost
respond: {status: 200, body: "two"}'
edge sync
ask hello.localhost
edge confirm

say 'ben pushes a typo: it is refused, and two goes on'
git -C ben pull --quiet
push ben 'a typo' hello.yaml 'id: hello.localhost
respnd: {status: 200, body: "three"}'
edge sync
ask hello.localhost

say 'ben mends it'
push ben 'mended' hello.yaml 'id: hello.localhost
respond: {status: 200, body: "three"}'
edge sync
edge confirm
ask hello.localhost

say 'ada sends hello to where nobody listens: after twenty requests it is taken back'
git -C ada pull --quiet
push ada 'a backend of our own' hello.yaml 'id: hello.localhost
target: http://127.0.0.1:9'
edge sync
n=0
while [ $n -lt 25 ]; do ask hello.localhost >/dev/null; n=$((n + 1)); done
until edge status | grep -q Quarantined; do sleep 0.2; done
edge status | head -1
ask hello.localhost

say 'the edge loses power: what was taken back does not come back'
kill -9 "$daemon"
start
edge sync
ask hello.localhost

say 'a fix on top is served'
push ada 'without it' hello.yaml 'id: hello.localhost
respond: {status: 200, body: "four"}'
edge sync
edge confirm
ask hello.localhost

say 'four was not what was wanted: back to three, until somebody resumes'
edge rollback --why 'not what was wanted'
ask hello.localhost
edge resume
ask hello.localhost

say 'all of it, newest first'
edge history
kill "$daemon"
wait "$daemon" || true
