/**
 * What looks at the kernel's connections while it is learned who talks: a few lines for the shell and for awk, which every
 * Debian has, as Node.js would take more memory for it than a device can spare. Why so: docs/decisions/peers.md.
 */

/** So many seconds are between two looks: shorter than the 10 s for which the kernel keeps a connection that was reset. */
export const EVERY_S = 8;

/** What the program that keeps what was seen exits with when learning is over. */
export const OVER = 9;

/**
 * One look, by awk. It reads what the looks before it have seen, looks, and prints what is seen by now.
 *
 * Variables: `seen`, the file; `now`, the machine's uptime in seconds; `weekday` (1 is Monday) and `hour`; `again`, 1 where
 * what was seen could not be kept. It exits with 3 where it is to be kept, and with 4 where there is nothing to look at.
 *
 * What it prints, by the first word of a line:
 * - `S`: which samples these are, seconds in which was looked, when last, when kept last, and whether there was news since
 * - `F`: direction, protocol and port at which there were more peers than are kept
 * - `P`: direction, protocol, port, peer, the device's own address, first and last time, how often, on how many days, on
 *   which day last, weekdays, hours
 * - `C`: a connection, and when it expires
 */
export const LOOK = `
function own(a) { return a in local }
function ofAll(a) { return a in all || a == "255.255.255.255" || a ~ /^(22[4-9]|23[0-9])\\./ || a ~ /^ff/ }
function inside(a) { return a ~ /^127\\./ || a == "0000:0000:0000:0000:0000:0000:0000:0001" || a == "0.0.0.0" || a ~ /^(0000:)+0000$/ }
function mark(bits, at) { return substr(bits, 1, at - 1) "1" substr(bits, at + 1) }
# Room for one more: who has begun only once, and not just now, is forgotten first.
function room(place, k, p) {
  if (total < 4000 && at[place] < 2000) return 1
  flood[place] = 1
  if (swept[place]) return 0
  swept[place] = 1
  for (k in peer) if (count[k] == 1 && last[k] < now) {
    split(k, p, " ")
    if (at[place] >= 2000 && p[1] " " p[2] " " p[3] != place) continue
    delete peer[k]
    total--
    at[p[1] " " p[2] " " p[3]]--
  }
  return total < 4000 && at[place] < 2000
}
BEGIN {
  while ((getline line < seen) > 0) {
    n = split(line, f, " ")
    if (f[1] == "S" && n == 6) { samples = f[2]; looked = f[3]; when = f[4]; kept = f[5]; news = f[6] }
    if (f[1] == "F") flood[f[2] " " f[3] " " f[4]] = 1
    if (f[1] == "C") before[f[2] " " f[3] " " f[4] " " f[5] " " f[6]] = f[7]
    if (f[1] == "P" && n == 13) {
      k = f[2] " " f[3] " " f[4] " " f[5]
      peer[k] = f[6]; first[k] = f[7]; last[k] = f[8]; count[k] = f[9]
      days[k] = f[10]; day[k] = f[11]; week[k] = f[12]; hours[k] = f[13]
      total++
      at[f[2] " " f[3] " " f[4]]++
    }
  }
  if (samples == "") {
    getline boot < "/proc/sys/kernel/random/boot_id"
    samples = boot "-" now
    kept = now
  } else {
    # Where nobody looked for a while, that time was not looked in.
    passed = now - when
    looked += passed > 60 ? 60 : passed < 0 ? 0 : passed
  }
  while ((getline line < "/proc/net/fib_trie") > 0) {
    n = split(line, f, " ")
    if (f[1] == "|--") address = f[2]
    if (f[2] == "host" && f[3] == "LOCAL") local[address] = 1
    if (f[3] == "BROADCAST") all[address] = 1
  }
  while ((getline line < "/proc/net/if_inet6") > 0) {
    address = substr(line, 1, 4)
    for (i = 5; i < 32; i += 4) address = address ":" substr(line, i, 4)
    local[address] = 1
  }
  lines = 0
  while (lines < 65536 && (got = (getline line < "/proc/net/nf_conntrack")) > 0) {
    lines++
    n = split(line, f, " ")
    protocol = f[3]
    if (protocol != "tcp" && protocol != "udp") continue
    src = dst = sport = dport = target = port = ""
    for (i = 5; i <= n; i++) {
      e = index(f[i], "=")
      if (!e) continue
      name = substr(f[i], 1, e - 1); value = substr(f[i], e + 1)
      if (name == "src") { if (src == "") src = value; else if (target == "") target = value }
      else if (name == "dst") { if (dst == "") dst = value }
      else if (name == "sport") { if (sport == "") sport = value; else if (port == "") port = value }
      else if (name == "dport") { if (dport == "") dport = value }
    }
    # Where the packet went is where the answer would come from, whatever was translated on the way.
    if (port == "" || port == 0 || inside(src) || inside(target)) continue
    if (own(src)) {
      if (own(target)) continue
      way = "out"; other = target; mine = src
    } else {
      if (!own(target) && !ofAll(target)) continue
      # Anybody can write any address on the first packet, but not answer the second.
      if (protocol == "tcp" && line !~ /\\[ASSURED\\]/) {
        if (++begun[port] == 1000) flood["in tcp " port] = 1
        continue
      }
      way = "in"; other = src; mine = target
    }
    c = protocol " " src " " sport " " dst " " dport
    expires = now + (f[5] ~ /^[0-9]+$/ ? f[5] : 0)
    isNew = !(c in before)
    moved = isNew ? 0 : expires - before[c]
    place = way " " protocol " " port
    k = place " " other
    if (!(k in peer)) {
      if (!room(place)) continue
      peer[k] = mine; first[k] = now; count[k] = 0; days[k] = 0; day[k] = -1
      week[k] = "0000000"; hours[k] = "000000000000000000000000"
      total++; at[place]++; news = 1; isNew = 1
    }
    current[c] = expires
    if (isNew) count[k]++
    if (!isNew && moved <= 2 && moved >= -2) continue
    last[k] = now; peer[k] = mine
    if (day[k] != int(now / 86400)) { day[k] = int(now / 86400); days[k]++ }
    week[k] = mark(week[k], weekday); hours[k] = mark(hours[k], hour + 1)
  }
  if (got < 0) exit 4
  isDue = (again || news) && now - kept >= 600 || now - kept >= 86400
  if (isDue) { kept = now; news = 0 }
  printf "S %s %d %d %d %d\\n", samples, looked, now, kept, news
  for (k in flood) print "F", k
  for (k in peer) print "P", k, peer[k], first[k], last[k], count[k], days[k], day[k], week[k], hours[k]
  for (c in current) print "C", c, current[c]
  exit isDue ? 3 : 0
}
`;

/**
 * Looks again and again, by the shell: in the folder where LOOK lies as `look`, until the machine has been up for so many
 * seconds (0: for ever); with no time in between once. What follows is the program that keeps what was seen.
 */
export const LOOP = `
cd "$1" || exit
every=$2 end=$3
shift 3
keep() {
  timeout -s KILL 100 "$@" >/dev/null 2>&1
  kept=$?
  again=0
  if [ "$kept" = ${OVER} ]; then exit 0; fi
  if [ "$kept" != 0 ]; then again=1; fi
}
again=0 dated=0
while :; do
  read -r now rest </proc/uptime
  now=\${now%%.*}
  if [ "$end" != 0 ] && [ "$now" -ge "$end" ]; then keep "$@"; exit "$again"; fi
  # A program less in most rounds.
  if [ "$now" -ge "$dated" ]; then day=$(date '+%u %H') dated=$((now + 300)); fi
  awk -v seen=seen -v now="$now" -v weekday="\${day% *}" -v hour="\${day#* }" -v again="$again" -f look >seen.new
  looked=$?
  if [ "$looked" = 0 ] || [ "$looked" = 3 ]; then mv -f seen.new seen; fi
  if [ "$every" = 0 ]; then exit; fi
  if [ "$looked" = 3 ]; then keep "$@"; fi
  sleep "$every"
done
`;
