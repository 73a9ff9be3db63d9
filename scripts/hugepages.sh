#!/bin/sh
# hugepages.sh - reserves 2 MiB hugepages for packet buffers, or gives them back.
#
#     scripts/hugepages.sh 512    reserve 512 pages (1 GiB); as root
#     scripts/hugepages.sh 0      give them back
#     scripts/hugepages.sh        show
set -eu
file=/proc/sys/vm/nr_hugepages
case ${1:-show} in
show) ;;
*[!0-9]*)
    echo "hugepages.sh: $1: expected a number of 2 MiB pages" >&2
    exit 2
    ;;
*)
    echo "$1" >$file || { echo "hugepages.sh: cannot write $file: run as root" >&2; exit 1; }
    got=$(cat $file)
    if [ "$got" -lt "$1" ]; then
        echo "hugepages.sh: the kernel found only $got of $1 pages: memory is fragmented or short" >&2
        exit 1
    fi
    ;;
esac
grep -i '^hugepages' /proc/meminfo
