#!/usr/bin/env bash
# StarCraft II 4.10 for Linux, from Blizzard's own packages, and SMAC's maps, for env=smac. See --help.
set -euo pipefail

# Documented by Blizzard: https://github.com/Blizzard/s2client-proto#downloads
GAME_URL=https://blzdistsc2-a.akamaihd.net/Linux/SC2.4.10.zip
LICENSE_URL=http://blzdistsc2-a.akamaihd.net/AI_AND_MACHINE_LEARNING_LICENSE.html
PASSWORD=iagreetotheeula
GAME_BYTES_AT_LEAST=1000000000 # an error page or a partial download is smaller
# Blizzard publishes no checksum. This one is recorded by Harimus/SpinningUpPySc2 on GitHub (install_sc2.sh).
GAME_SHA256_SEEN=1052f249f30a242bf5e17cc3315324919f9689307ca6dbcdb30bb41ea3004884
# SMAC's repository at the commit that docs/starcraft.md names; scripts/smac_maps.sha256 has its maps' checksums.
SMAC_COMMIT=d6aab33f76abc3849c50463a8592a84f59a5ef84
MAPS_URL=https://github.com/oxwhirl/smac/archive/$SMAC_COMMIT.zip
MAPS_SUMS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/smac_maps.sha256

folder=${SC2PATH:-$HOME/StarCraftII}
accepted=no
maps_only=no
dry_run=no
game_sha256=
keep=no
work= # a folder that is removed at the end

usage() {
  cat << END
scripts/install_sc2.sh [options]    StarCraft II 4.10 for Linux and SMAC's maps, for env=smac

  --folder DIR                 the game's folder, to be named by SC2PATH (now: $folder)
  --accept-blizzard-license    you have read Blizzard's AI and Machine Learning License and agree to it:
                               $LICENSE_URL
                               (without this option the script asks)
  --maps-only                  only SMAC's maps, into an installed game (also on macOS)
  --dry-run                    print the actions without doing them
  --keep-download              keep the game's archive beside its folder
  --game-url URL               another package of Blizzard's, or your own copy (also file:///...)
  --game-sha256 SUM            refuse any other archive of the game
  --maps-url URL               another archive with a folder SMAC_Maps in it
  --maps-sums FILE             its checksums, as of sha256sum; default: scripts/smac_maps.sha256
  --help                       print this text

An interrupted download continues when the script is run again. Except for maps, existing files are not overwritten.
Needs curl, unzip and some gigabytes of disk space.
END
}

main() {
  options "$@"
  trap 'if [ -n "$work" ]; then rm -rf "$work"; fi' EXIT
  need curl unzip
  sums_program
  [ -f "$MAPS_SUMS" ] || fail "$MAPS_SUMS is missing: it holds the checksums of SMAC's maps."
  if [ "$maps_only" = no ]; then
    install_game
  fi
  install_maps
  closing_words
}

options() {
  while [ $# -gt 0 ]; do
    case $1 in
      --accept-blizzard-license) accepted=yes ;;
      --maps-only) maps_only=yes ;;
      --dry-run) dry_run=yes ;;
      --keep-download) keep=yes ;;
      --folder | --game-url | --game-sha256 | --maps-url | --maps-sums)
        [ $# -gt 1 ] || fail "$1 needs a value. See --help."
        case $1 in
          --folder) folder=$2 ;;
          --game-url) GAME_URL=$2 ;;
          --game-sha256) game_sha256=$2 ;;
          --maps-url) MAPS_URL=$2 ;;
          --maps-sums) MAPS_SUMS=$2 ;;
        esac
        shift
        ;;
      -h | --help)
        usage
        exit 0
        ;;
      *) fail "unknown option '$1'. See --help." ;;
    esac
    shift
  done
  case $folder in
    /*) ;;
    *) folder=$PWD/$folder ;;
  esac
  folder=${folder%/}
}

install_game() {
  if compgen -G "$folder/Versions/Base*" > /dev/null; then
    say "StarCraft II is already in $folder."
    return
  fi
  [ "$(uname -s)" = Linux ] || fail "these packages are for Linux; elsewhere get the game from https://starcraft2.blizzard.com and run this with --maps-only."
  agree
  if [ "$dry_run" = yes ]; then
    say "would download $GAME_URL and unpack it to $folder"
    return
  fi
  local archive=$folder.zip top
  mkdir -p "$(dirname "$folder")"
  if [ ! -f "$archive" ]; then
    say "downloading $GAME_URL"
    download "$GAME_URL" "$archive.part"
    mv "$archive.part" "$archive"
  fi
  check_archive "$archive"
  work=$(mktemp -d "$(dirname "$folder")/.sc2-XXXXXX")
  say "unpacking (some minutes)"
  unzip -q -P "$PASSWORD" "$archive" -d "$work" || fail "$archive cannot be unpacked: remove it and run this again."
  top=$(find "$work" -maxdepth 2 -type d -name Versions -exec dirname {} \; | head -n 1)
  [ -n "$top" ] || fail "$GAME_URL holds no folder Versions: it is not StarCraft II for Linux."
  compgen -G "$top/Versions/Base*/SC2_x64" > /dev/null || fail "$GAME_URL holds no Versions/Base*/SC2_x64: it is not StarCraft II for Linux."
  chmod +x "$top"/Versions/Base*/SC2_x64
  put "$top" "$folder"
  rm -rf "$work"
  if [ "$keep" = no ]; then
    rm -f "$archive"
  fi
}

# $1: the unpacked game, $2: its folder. Existing maps stay.
put() {
  local entry name
  mkdir -p "$2"
  for entry in "$1"/* "$1"/.[!.]*; do
    name=$(basename "$entry")
    if [ -d "$2/$name" ]; then
      cp -R "$entry/." "$2/$name/"
    elif [ -e "$entry" ]; then
      mv "$entry" "$2/$name"
    fi
  done
}

# The licence binds the person who types the archive's password, so that person must agree; the script cannot.
agree() {
  [ "$accepted" = no ] || return 0
  say "StarCraft II comes under Blizzard's AI and Machine Learning License: $LICENSE_URL"
  if [ "$dry_run" = yes ]; then
    say "would ask whether you agree to it (or: --accept-blizzard-license)"
    return
  fi
  local answer=
  printf 'Type "I agree" if you have read it and agree to be bound by it: '
  read -r answer || true
  [ "$answer" = "I agree" ] || fail "without agreement nothing is downloaded."
}

check_archive() {
  local sum bytes
  sum=$(sha256 "$1")
  if [ -n "$game_sha256" ]; then
    [ "$sum" = "$game_sha256" ] || fail "$1 has sha256 $sum, not $game_sha256: remove it and run this again."
    say "sha256 $sum, as requested"
    return
  fi
  bytes=$(wc -c < "$1" | tr -d ' ')
  say "sha256 $sum ($bytes bytes)"
  if [ "$sum" = "$GAME_SHA256_SEEN" ]; then
    say "Blizzard publishes no checksum; another project has recorded the same one for 4.10."
  else
    say "Blizzard publishes no checksum, and another project has recorded a different one for 4.10."
    say "Size and integrity are checked; --game-sha256 SUM refuses any other archive."
  fi
  [ "$bytes" -ge "$GAME_BYTES_AT_LEAST" ] || fail "$1 is too small for the game: check its content, or state its checksum with --game-sha256."
  unzip -q -P "$PASSWORD" -t "$1" > /dev/null || fail "$1 is damaged: remove it and run this again."
}

install_maps() {
  local maps=$folder/Maps/SMAC_Maps
  if [ -d "$maps" ] && (cd "$maps" && check_sums) > /dev/null 2>&1; then
    say "SMAC's maps are already in $maps."
    return
  fi
  if [ "$dry_run" = yes ]; then
    say "would download $MAPS_URL, compare its maps with $MAPS_SUMS and put them into $maps"
    return
  fi
  [ "$maps_only" = no ] || [ -d "$folder" ] || fail "there is no game in $folder. See --help: --folder."
  work=$(mktemp -d)
  say "downloading $MAPS_URL"
  download "$MAPS_URL" "$work/maps.zip"
  unzip -q -j "$work/maps.zip" '*SMAC_Maps/*.SC2Map' -d "$work/SMAC_Maps" || fail "$MAPS_URL holds no SMAC_Maps/*.SC2Map."
  (cd "$work/SMAC_Maps" && check_sums) || fail "the maps of $MAPS_URL do not match $MAPS_SUMS. Nothing was copied to $folder."
  mkdir -p "$maps"
  cp "$work/SMAC_Maps"/*.SC2Map "$maps/"
  rm -rf "$work"
  say "$(find "$maps" -name '*.SC2Map' | wc -l | tr -d ' ') maps are in $maps, with matching checksums."
}

closing_words() {
  if [ "$folder" != "$HOME/StarCraftII" ]; then
    say "Set the game's folder, in this shell and in later ones:"
    say "  export SC2PATH=$(printf '%q' "$folder")"
  fi
  say "The Python packages, in fedqmix's environment:"
  say "  pip install pys2clientprotocol==1.0.2 absl-py portpicker websocket-client"
  say "  pip install --no-deps pysc2==4.0.0"
  say "  pip install --no-deps https://github.com/oxwhirl/smac/archive/$SMAC_COMMIT.zip"
  say "Then: fedqmix doctor"
}

# $1: from, $2: to. Continues a partial file.
download() {
  local status=0
  curl --fail --location --silent --show-error --retry 3 --continue-at - --output "$2" "$1" || status=$?
  # 33: the server (or a local file) cannot continue. 36: the file is already complete, for file:// URLs.
  if [ "$status" = 33 ] || [ "$status" = 36 ]; then
    rm -f "$2"
    status=0
    curl --fail --location --silent --show-error --retry 3 --output "$2" "$1" || status=$?
  fi
  [ "$status" = 0 ] || fail "cannot download $1 (curl: $status). Run this again to continue."
}

sums_program() {
  if command -v sha256sum > /dev/null; then
    SUM=(sha256sum)
  else
    need shasum
    SUM=(shasum -a 256)
  fi
}

sha256() { "${SUM[@]}" "$1" | cut -d ' ' -f 1; }
check_sums() { "${SUM[@]}" -c "$MAPS_SUMS" | { grep -v ': OK$' || true; }; }

need() {
  local program
  for program in "$@"; do
    command -v "$program" > /dev/null || fail "$program is needed: install it with your system's packages (apt-get install $program)."
  done
}

say() { printf '%s\n' "$1"; }
fail() {
  printf 'error: %s\n' "$1" >&2
  exit 1
}

main "$@"
