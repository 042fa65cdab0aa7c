#!/bin/bash
# The reference of the accuracy page: what a competent administrator types, in the order in which it is taught, with ip,
# ping, dig and curl. It first looks whether the complaint shows at all, then goes up from the cable and blames the first
# rung that fails. A gateway that drops pings but is seen as a neighbour is let off, a resolver that fails beside one
# that answers is let off, and curl's exit code says which rung of the page failed. The last line is the verdict: a
# layer, `nothing`, or `unclear`.
#
# usage: reference.sh TARGET COMPLAINT    TARGET empty: the page that is known to work; COMPLAINT: the playbook's id
set -u
target=${1:-} complaint=${2:-}
known_good=http://control.example.test/
target=${target:-$known_good}

say() { printf 'verdict: %s\n' "$1"; exit 0; }
show() { printf '$ %s\n' "$*"; "$@" 2>&1; }

# --- what the target is -------------------------------------------------------------------------------------------
scheme=name rest=$target port=
case $target in
  *://*) scheme=${target%%://*} rest=${target#*://} ;;
  *:*) scheme=tcp ;;
esac
rest=${rest%%/*}
case $rest in
  \[*\]*) host=${rest%%]*} host=${host#[}; port=${rest##*]} port=${port#:} ;;
  *:*) host=${rest%:*} port=${rest##*:} ;;
  *) host=$rest ;;
esac
case $scheme in http) port=${port:-80} ;; https) port=${port:-443} ;; ssh) port=${port:-22} ;; esac
is_address=no; [[ $host =~ ^[0-9.]+$ || $host == *:*:* ]] && is_address=yes
is_local=no
case $host in 127.*|localhost|::1) is_local=yes ;; esac
ip -o addr show | grep -qwF "$host" && is_local=yes
proxy=${https_proxy:-${http_proxy:-}}; [ $is_local = yes ] && proxy=

# --- the machine itself, where that is what the user complains of -------------------------------------------------
if [ "$complaint" = this-machine ]; then
  df -P -t ext4 -t xfs -t btrfs -t tmpfs 2>/dev/null | awk 'NR > 1 && $5 == "100%" { full = 1 } END { exit !full }' && say host
  ps -eo pcpu= | awk '$1 > 80 { hog = 1 } END { exit !hog }' && say host
fi

# --- does it show? ------------------------------------------------------------------------------------------------
code=0 status=000 exit_code=0
if [ "$scheme" = http ] || [ "$scheme" = https ]; then
  format='%{http_code} %{time_namelookup} %{time_connect} %{time_appconnect} %{time_starttransfer} %{time_total}'
  printf '$ curl %s\n' "$target"
  timing=$(curl -sS -o /dev/null -L --connect-timeout 5 --max-time 12 -w "$format" "$target" 2>/tmp/curl-error)
  exit_code=$?
  printf '%s (exit code %s)\n' "$timing" "$exit_code"; cat /tmp/curl-error
  read -r status looked connected secured first total <<<"$timing"
  over() { awk -v a="$1" -v b="$2" -v limit="$3" 'BEGIN { exit !(a - b > limit) }'; }
  if [ "$exit_code" = 0 ] && [ "$status" -lt 400 ]; then
    # It works. Slow is what takes over a second; the slowest phase is to blame.
    over "$looked" 0 1 && say dns
    over "$connected" "$looked" 1 && say path
    over "$secured" "$connected" 1 && say tls
    over "$first" "$connected" 1 && say http
    if [ "$complaint" = slow ]; then
      summary=$(show ping -q -c 20 -i 0.2 -W 1 "$host"); printf '%s\n' "$summary"
      [[ $summary =~ \ 0%\ packet\ loss ]] || say path
      awk -F/ '/^rtt/ { exit !($5 > 150) }' <<<"$(grep '^rtt' <<<"$summary")" && grep -q '^rtt' <<<"$summary" && say path
    fi
    say nothing
  fi
fi

# --- from the cable upwards ---------------------------------------------------------------------------------------
if [ $is_local = no ]; then
  device=$(ip route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
  device=${device:-$(ip -o link show | awk -F': ' '$2 != "lo" { sub(/@.*/, "", $2); print $2; exit }')}
  link=$(show ip -o link show dev "$device"); printf '%s\n' "$link"
  [[ $link == *NO-CARRIER* || $link == *"state DOWN"* ]] && say link

  family=-4; [[ $host == *:*:* ]] && family=-6
  addresses=$(show ip $family -o addr show dev "$device" scope global); printf '%s\n' "$addresses"
  [[ $addresses == *" inet"* ]] || say ip
  [[ $addresses == *" 169.254."* ]] && say ip

  show ip $family route
  gateway=$(ip $family route show default | sed -n 's/.* via \([^ ]*\).*/\1/p' | head -n 1)
  on_link=no
  [ $is_address = yes ] && ! ip route get "$host" 2>/dev/null | grep -q ' via ' && on_link=yes
  if [ $on_link = no ]; then
    [ -n "$gateway" ] || ip $family route show default | grep -q . || say route
    if [ -n "$gateway" ] && ! show ping -q -c 2 -i 0.3 -W 1 "$gateway"; then
      neighbour=$(show ip neigh show "$gateway"); printf '%s\n' "$neighbour"
      [[ $neighbour == *lladdr* && $neighbour != *FAILED* ]] || say route
    fi
  fi

  # Names. With a proxy it is the proxy's name that this machine must know.
  name=$host
  if [ -n "$proxy" ]; then name=${proxy#*://} name=${name#*@} name=${name%%[:/]*}; fi
  address=$name
  if ! [[ $name =~ ^[0-9.]+$ || $name == *:*:* ]]; then
    address=$(awk -v name="$name" '!/^#/ { for (i = 2; i <= NF; i++) if ($i == name) { print $1; exit } }' /etc/hosts)
    if [ -z "$address" ]; then
      answered=no servers=$(awk '$1 == "nameserver" { print $2 }' /etc/resolv.conf)
      for server in $servers; do
        answer=$(show dig +time=2 +tries=1 "@$server" "$name" A); printf '%s\n' "$answer"
        [[ $answer == *"status: "* ]] && answered=yes
        address=$(awk '!/^;/ && $4 == "A" { print $5; exit }' <<<"$answer")
        [ -n "$address" ] && break
      done
      if [ -z "$address" ]; then
        [ $answered = yes ] && say dns
        nft list ruleset 2>/dev/null | grep -Eq 'drop|reject' && say host
        for server in $servers; do show ping -q -c 2 -i 0.3 -W 1 "$server" && say dns; done
        show ping -q -c 2 -i 0.3 -W 1 198.51.100.80 && say dns
        [ -n "$servers" ] || say dns
        say path
      fi
    fi
  fi
else
  address=$host
fi
[ "$scheme" = name ] && say nothing

# --- the port, and what is spoken there ---------------------------------------------------------------------------
try_port() { timeout 4 bash -c "exec 3<>/dev/tcp/$1/$2" 2>&1; }
if [ "$scheme" = udp ]; then say unclear; fi
if [ -n "$proxy" ]; then
  # curl says which side of the proxy failed.
  case $exit_code in 5|7|97) say proxy ;; esac
  grep -Eq 'CONNECT|proxy' /tmp/curl-error && say proxy
  [ "$status" = 407 ] && say proxy
  [ "$exit_code" = 28 ] && say proxy
else
  said=$(try_port "$address" "$port"); result=$?
  printf '$ connect %s port %s: %s %s\n' "$address" "$port" "$result" "$said"
  if [ $result != 0 ]; then
    [ $is_local = yes ] && say process
    nft list ruleset 2>/dev/null | grep -Eq 'drop|reject' && say host
    [[ $said == *refused* || $said == *reset* ]] && say transport
    [[ $said == *"No route"* || $said == *unreachable* || $said == *prohibited* ]] && say path
    show ping -q -c 2 -i 0.3 -W 1 "$address" && say transport
    say path
  fi
fi
if [ "$scheme" != http ] && [ "$scheme" != https ]; then
  banner=$(timeout 5 bash -c "exec 3<>/dev/tcp/$address/$port; head -c 4 <&3")
  [ -n "$banner" ] && say nothing
  say application
fi
case $exit_code in
  60)
    there=$(curl -skI --max-time 5 "$target" | sed -n 's/^[Dd]ate: //p' | tr -d '\r')
    ahead=$(( $(date -d "${there:-now}" +%s) - $(date +%s) ))
    [ "${ahead#-}" -gt 3600 ] && say host
    say tls ;;
  35|51|53|54|58|59|77|80|83|91) say tls ;;
  28)
    # Connected and then silent: large packets may be what does not get through.
    if show ping -q -c 1 -W 1 -s 500 "$address" && ! show ping -q -c 2 -i 0.3 -W 1 -M do -s 1472 "$address"; then say path; fi
    awk -v a="${secured:-0}" -v s="$scheme" 'BEGIN { exit !(s == "https" && a == 0) }' && say tls
    [ $is_local = yes ] && say process
    say http ;;
  7|56) say transport ;;
  1|8|18|47|52|92) [ $is_local = yes ] && [ "$exit_code" != 47 ] && say process; say http ;;
  0) [ "$status" -ge 400 ] && say http ;;
esac
say unclear
