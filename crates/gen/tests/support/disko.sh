#!/usr/bin/env bash
# Runs what disko makes of a layout on a disk image: disko.sh FOLDER DEVICE. In FOLDER are `create` and
# `mount`, the scripts of disko, written for DEVICE. Prints the partitions, what is mounted and swap.
#
# Real are partitions, LUKS headers and file systems. Stand-ins are for what a test may not have: udev's
# links, the device mapper (an opened LUKS is a loop device behind the header), FAT, and swap in use.
set -o errexit -o nounset -o pipefail

folder=$(realpath "$1")
device=$2
if [[ ${3:-} != inside ]]; then
  exec unshare --mount --propagation private bash "$0" "$folder" "$device" inside
fi

bin=$folder/bin
root=$folder/mnt
mkdir -p "$bin" "$root"
mount -t tmpfs tmpfs "$root"
mkdir -p /dev/disk /dev/mapper
mount -t tmpfs tmpfs /dev/disk
mount -t tmpfs tmpfs /dev/mapper
mkdir /dev/disk/by-partlabel
image=$folder/disk.img
truncate --size 24G "$image"
LOOP=$(losetup --find --show --partscan "$image")
NOTES=$folder/notes
export LOOP NOTES

clean_up() {
  local opened
  findmnt --noheadings --list --output TARGET | { grep "^$root/\\|^$root\$" || true; } | sort -r | xargs -r -n1 umount || true
  for opened in /dev/mapper/crypt-*; do
    [[ ! -e $opened ]] || losetup --detach "$(readlink -f "$opened")"
  done
  losetup --detach "$LOOP"
  rm -f "$image" "$LOOP"p*
}
trap clean_up EXIT

stand_in() { # NAME, text on standard input
  { echo '#!/usr/bin/env bash'; cat; } >"$bin/$1"
  chmod 755 "$bin/$1"
}

stand_in udevadm <<'END'
[[ $1 == settle || $1 == trigger ]] || exit 0
name=${LOOP##*/}
for part in /sys/block/"$name"/"$name"p*; do
  [[ -e $part/dev ]] || continue
  node=/dev/${part##*/}
  IFS=: read -r major minor <"$part/dev"
  [[ -b $node ]] || mknod "$node" b "$major" "$minor"
  label=$(sgdisk --info "${node##*p}" "$LOOP" | sed -n "s/^Partition name: '\(.*\)'/\1/p")
  [[ -z $label ]] || ln -sfn "$node" "/dev/disk/by-partlabel/$label"
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
  sed -i "s#$device#$LOOP#g; s#/mnt/#$root/#g" "$folder/$step"
  if ! bash "$folder/$step" </dev/null >"$folder/$step.log" 2>&1; then
    tail -n 20 "$folder/$step.log" >&2
    exit 1
  fi
done

sgdisk --print "$LOOP" | awk '$1 ~ /^[0-9]+$/ { print $1, $6 }' | while read -r number type; do
  holds=$(blkid --match-tag TYPE --output value "${LOOP}p$number" || true)
  name=$(sgdisk --info "$number" "$LOOP" | sed -n "s/^Partition name: '\(.*\)'/\1/p")
  echo "part $type $(($(blockdev --getsize64 "${LOOP}p$number") >> 20))M $name ${holds:--}"
done
findmnt --noheadings --list --output TARGET,FSTYPE,OPTIONS |
  sed -n "s#^$root\(/*[^ ]*\) *\([a-z0-9]*\) *\(.*\)#mount \1 \2 \3#p" | grep -v tmpfs | sed 's/^mount  /mount \/ /'
cat "$NOTES"
file=$root/.swap/swapfile
[[ ! -e $file ]] || echo "swapfile $(stat --format=%s "$file") $(blkid --match-tag TYPE --output value "$file")"
