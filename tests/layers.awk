# layers.awk — fails when a module includes a header of its own or a higher rank (but not its own).
# The table is the one of docs/design.md. Usage: awk -f tests/layers.awk FILE…
BEGIN {
    n = split("lb/base 0 lb/stats 1 lb/msg 1 config 1 balancers 1 lb/net 2 lb/route 2 lb/tls 3 " \
              "lb/stream 3 lb/http 4 lb/tcp 4 lb/upstream 4 health 5 lb/snapshot 6 lb/session 7 " \
              "lb/demo 2 lb/worker 8 lb/admin 8 lb/control 9 lb/cli 11 lb 12", word, " ")
    for (i = 1; i < n; i += 2)
        rank[word[i]] = word[i + 1]
}
FNR == 1 { files++ }
/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, part, "\"")
    from = FILENAME; sub(/\/[^\/]*$/, "", from)
    to = part[2]
    if (!sub(/\/[^\/]*$/, "", to))
        to = from
    if (!(from in rank))
        bad("module '" from "' has no rank")
    else if (!(to in rank))
        bad("include by its path from the top: \"" part[2] "\"")
    else if (from != to && rank[to] + 0 >= rank[from] + 0)
        bad(from " (rank " rank[from] ") must not include " part[2] " (rank " rank[to] ")")
}
function bad(what) {
    printf "%s:%d: layers: %s\n", FILENAME, FNR, what > "/dev/stderr"
    failures++
}
END {
    if (failures)
        exit 1
    printf "layers: %d files follow the rank table\n", files
}
