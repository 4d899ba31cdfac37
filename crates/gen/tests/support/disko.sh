#!/usr/bin/env bash
# Runs what disko makes of layouts on disk images: disko.sh FOLDER DEVICE… In FOLDER are `create` and
# `mount`, the scripts of disko, written for the devices. Prints the partitions, what is mounted and swap.
#
# Real are partitions, LUKS headers and file systems. Stand-ins are for what a test may not have: udev's
# links, the device mapper (an opened LUKS is a loop device behind the header), FAT, and swap in use.
set -o errexit -o nounset -o pipefail

if [[ -z ${INSIDE:-} ]]; then
  INSIDE=1 exec unshare --mount --propagation private bash "$0" "$@"
fi
folder=$(realpath "$1")
shift
devices=("$@")

bin=$folder/bin
root=$folder/mnt
mkdir -p "$bin" "$root"
mount -t tmpfs tmpfs "$root"
mkdir -p /dev/disk /dev/mapper
mount -t tmpfs tmpfs /dev/disk
mount -t tmpfs tmpfs /dev/mapper
mkdir /dev/disk/by-partlabel
NOTES=$folder/notes
LOOPS=
export LOOPS NOTES

clean_up() {
  local opened
  findmnt --noheadings --list --output TARGET | { grep "^$root/\\|^$root\$" || true; } | sort -r | xargs -r -n1 umount || true
  for opened in /dev/mapper/crypt-*; do
    [[ ! -e $opened ]] || losetup --detach "$(readlink -f "$opened")"
  done
  for opened in $LOOPS; do
    losetup --detach "$opened"
    rm -f "$opened"p*
  done
  rm -f "$folder"/*.img
}
trap clean_up EXIT

for device in "${devices[@]}"; do
  image=$folder/${device##*/}.img
  truncate --size 24G "$image"
  LOOPS+="$(losetup --find --show --partscan "$image") "
done

stand_in() { # NAME, text on standard input
  { echo '#!/usr/bin/env bash'; cat; } >"$bin/$1"
  chmod 755 "$bin/$1"
}

stand_in udevadm <<'END'
[[ $1 == settle || $1 == trigger ]] || exit 0
for loop in $LOOPS; do
  name=${loop##*/}
  for part in /sys/block/"$name"/"$name"p*; do
    [[ -e $part/dev ]] || continue
    node=/dev/${part##*/}
    IFS=: read -r major minor <"$part/dev"
    [[ -b $node ]] || mknod "$node" b "$major" "$minor"
    label=$(sgdisk --info "${node##*p}" "$loop" | sed -n "s/^Partition name: '\(.*\)'/\1/p")
    [[ -z $label ]] || ln -sfn "$node" "/dev/disk/by-partlabel/$label"
  done
done
END

cryptsetup=$(command -v cryptsetup)
export REAL_CRYPTSETUP=$cryptsetup
stand_in cryptsetup <<'END'
case " $* " in
  *' luksFormat '*) exec "$REAL_CRYPTSETUP" "$@" --pbkdf pbkdf2 --pbkdf-force-iterations 1000 ;;
  *' isLuks '*) exec "$REAL_CRYPTSETUP" "$@" ;;
  *' status '*) [[ -e /dev/mapper/${!#} ]] ;;
  *' open '*)
    "$REAL_CRYPTSETUP" isLuks "$2" || exit 1
    echo "luks $3" >>"$NOTES"
    ln -sfn "$(losetup --find --show --offset 16M "$2")" "/dev/mapper/$3"
    ;;
esac
END

mount=$(command -v mount)
export REAL_MOUNT=$mount
stand_in mount <<'END'
if [[ " $* " == *' -t vfat '* ]]; then
  blkid --match-tag TYPE --output value "$1" | grep -qx vfat || exit 1
  echo "mount ${2#"$ROOT"} vfat $*" | sed 's| /dev/.*umask| umask|' >>"$NOTES"
  mkdir -p "$2"
  exit
fi
exec "$REAL_MOUNT" "$@"
END

stand_in swapon <<'END'
END

: >"$NOTES"
export ROOT=$root IN_DISKO_TEST=1 rootMountPoint=$root PATH=$bin:$PATH
for step in create mount; do
  read -ra loops <<<"$LOOPS"
  for index in "${!devices[@]}"; do
    sed -i "s#${devices[index]}\b#${loops[index]}#g" "$folder/$step"
  done
  sed -i "s#/mnt/#$root/#g" "$folder/$step"
  if ! bash "$folder/$step" </dev/null >"$folder/$step.log" 2>&1; then
    tail -n 20 "$folder/$step.log" >&2
    exit 1
  fi
done

for loop in $LOOPS; do
  sgdisk --print "$loop" | awk '$1 ~ /^[0-9]+$/ { print $1, $6 }' | while read -r number type; do
    holds=$(blkid --match-tag TYPE --output value "${loop}p$number" || true)
    name=$(sgdisk --info "$number" "$loop" | sed -n "s/^Partition name: '\(.*\)'/\1/p")
    echo "part $type $(($(blockdev --getsize64 "${loop}p$number") >> 20))M $name ${holds:--}"
  done
done
if findmnt --noheadings --types btrfs "$root" >/dev/null; then
  echo "btrfs $(btrfs filesystem show "$root" | grep -c devid) devices, $(btrfs filesystem df "$root" | sed -n 's/^\(Data\|Metadata\), \([A-Za-z0-9]*\):.*/\1 \2/p' | sort -u | xargs)"
fi
findmnt --noheadings --list --output TARGET,FSTYPE,OPTIONS |
  sed -n "s#^$root\(/*[^ ]*\) *\([a-z0-9]*\) *\(.*\)#mount \1 \2 \3#p" | grep -v tmpfs | sed 's/^mount  /mount \/ /'
cat "$NOTES"
file=$root/.swap/swapfile
[[ ! -e $file ]] || echo "swapfile $(stat --format=%s "$file") $(blkid --match-tag TYPE --output value "$file")"
